#include <mach-o/dyld.h>

#include <cstdint>
#include <string>

#include "pmd/launch/executable_path.hpp"

namespace distflow::pmd {

std::filesystem::path executable_path() {
  std::uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);  // fails for want of room, and says how much it needs (dyld(3))
  std::string text(size, '\0');
  if (::_NSGetExecutablePath(text.data(), &size) != 0) return {};
  std::error_code error;
  std::filesystem::path path = std::filesystem::canonical(text.c_str(), error);
  return error ? std::filesystem::path() : path;
}

}  // namespace distflow::pmd
