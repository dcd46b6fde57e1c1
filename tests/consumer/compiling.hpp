// What a test of the library's use by others needs: a folder of its own, the compiler, and the archive.
//
// Use: const Folder folder; EXPECT_EQ(compile_and_link(folder, "int main() {}", {}).exit_code, 0);
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/process.hpp"

namespace distflow::test {

/// The words of a text, between spaces.
inline std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

inline void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

/// An empty folder that goes when the test does.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "distflow-consumer-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  [[nodiscard]] std::string path(const std::string& name) const { return (path_ / name).string(); }
  void write(const std::string& name, const std::string& text) const { std::ofstream(path(name)) << text; }

 private:
  std::filesystem::path path_;
};

/// The compiler of this build, with the public headers and rapidjson's on its path.
inline ProcessResult run_compiler(const std::vector<std::string>& arguments) {
  std::vector<std::string> words{"-I" DISTFLOW_SOURCE "/include"};
  append(words, words_of(DISTFLOW_CONSUMER_FLAGS));
  append(words, arguments);
  return run_process(DISTFLOW_COMPILER, words);
}

/// Makes `folder`/program of a text, with the archive of this build and what it needs.
inline ProcessResult compile_and_link(const Folder& folder, const std::string& text,
                                      const std::vector<std::string>& flags) {
  folder.write("program.cpp", text);
  std::vector<std::string> words{"-std=c++20", folder.path("program.cpp"), "-o", folder.path("program")};
  append(words, flags);
  append(words, words_of(DISTFLOW_ARCHIVE " " DISTFLOW_ARCHIVE_NEEDS));
  return run_compiler(words);
}

}  // namespace distflow::test
