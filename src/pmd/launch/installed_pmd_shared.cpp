// Of the shared library only: DISTFLOW_INSTALLED_PMD is absolute, or begins at the folder that the library lies in.
#include <dlfcn.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "pmd/launch/installed_pmd.hpp"

namespace distflow::pmd {
namespace {

namespace fs = std::filesystem;

/// Empty where the system does not say which file this code is from.
std::string find_from_this_library() {
  const fs::path said = DISTFLOW_INSTALLED_PMD;
  if (said.empty() || said.is_absolute()) return said.string();
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&installed_pmd), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path library = fs::canonical(info.dli_fname, error);
  return error ? std::string() : (library.parent_path() / said).lexically_normal().string();
}

}  // namespace

const char* installed_pmd() {
  static const std::string path = find_from_this_library();  // once: the working directory may change later
  return path.c_str();
}

}  // namespace distflow::pmd
