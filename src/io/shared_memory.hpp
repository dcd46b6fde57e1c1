// Memory that two processes of one machine share.
//
// A value: the memory is unmapped with its last owner, whatever the other process does meanwhile. Any thread.
//   1. Its size never changes, so that no access to it can fail: the system holds the other process to that, too.
//   2. A process of the same user that may read this one can open it by its name, for as long as `nameable` is held.
// Use: backend.create_memory(size) here; backend.open_memory(name, size) there, with the name that it was given.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace distflow::io {

struct SharedMemory {
  std::shared_ptr<std::byte> bytes{};
  std::size_t size = 0;
  std::string name{};                ///< where it was created; at most kNameSizeMax bytes of printable ASCII
  std::shared_ptr<void> nameable{};  ///< what the name leads to, where it was created

  static constexpr std::size_t kNameSizeMax = 64;
};

}  // namespace distflow::io
