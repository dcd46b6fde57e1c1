// The files of the page, which CMake puts into the program (page/, page_files.cpp.in).
//
// Constants; any thread.
// Use: for (const PageFile& file : page_files()) ...
#pragma once

#include <span>
#include <string_view>

namespace distflow::pmd {

struct PageFile {
  std::string_view path;  ///< that it is asked for by
  std::string_view content_type;
  std::string_view text;
};

[[nodiscard]] std::span<const PageFile> page_files();

}  // namespace distflow::pmd
