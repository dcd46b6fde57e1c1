#include "io/posix/process_identity.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "io/posix/descriptor.hpp"
#include "io/posix/owned_descriptors.hpp"

namespace distflow::io::platform {

std::uint64_t start_time_of(int process_id) noexcept {
  constexpr int fields_before =
      20;  // from the name's end on: the start is the 22nd field, the name the second (proc(5))
  std::array<char, 32> path{"/proc/"};
  char* const number_end = std::to_chars(path.data() + 6, path.data() + 20, process_id).ptr;
  std::string_view("/stat").copy(number_end, 5);
  const posix::Descriptor file(posix::open_owned([&path] { return ::open(path.data(), O_RDONLY | O_CLOEXEC); }));
  std::array<char, 1024> bytes{};
  const ssize_t size = file.get() < 0 ? -1 : ::read(file.get(), bytes.data(), bytes.size());
  if (size <= 0) return 0;
  std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  text.remove_prefix(text.rfind(')') == std::string_view::npos ? text.size() : text.rfind(')'));
  for (int i = 0; i < fields_before; ++i) {
    const std::size_t space = text.find(' ');
    if (space == std::string_view::npos) return 0;
    text.remove_prefix(space + 1);
  }
  std::uint64_t start = 0;
  return std::from_chars(text.data(), text.data() + text.size(), start).ec == std::errc() ? start : 0;
}

std::string process_identity() {
  std::array<char, 64> name_space{};
  const ssize_t size = ::readlink("/proc/self/ns/pid", name_space.data(), name_space.size());
  const std::uint64_t start = start_time_of(::getpid());
  if (size <= 0 || start == 0) return {};
  return "process " + std::to_string(::getpid()) + " of " +
         std::string(name_space.data(), static_cast<std::size_t>(size)) + " started " + std::to_string(start) + '\n';
}

std::filesystem::path executable_path() {
  std::error_code error;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::path() : path;
}

}  // namespace distflow::io::platform
