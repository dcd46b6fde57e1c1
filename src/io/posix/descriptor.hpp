// A descriptor of the library's and the duty to close it (io/posix/owned_descriptors.hpp).
//
// A value; one thread at a time.
// Use: const Descriptor file(open_owned([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
#pragma once

#include <utility>

#include "io/posix/socket.hpp"

namespace distflow::io::posix {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }

  void reset() {
    if (const int fd = std::exchange(fd_, -1); fd >= 0) close_fd(fd);
  }
  [[nodiscard]] int get() const { return fd_; }
  /// It is the caller's from now on.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

}  // namespace distflow::io::posix
