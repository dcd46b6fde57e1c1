// A program that is compiled otherwise than the library is told so by its compiler or its linker.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/consumer/compiling.hpp"
#include "tests/support/process.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> public_headers() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(DISTFLOW_SOURCE "/include/distflow"))
    names.push_back(entry.path().filename().string());
  return names;
}

constexpr const char* kProgram =
    "#include <distflow/node_runtime.hpp>\n"
    "int main() { return distflow::NodeRuntime::start({.pmd_idle_exit = {}}) ? 1 : 0; }\n";

TEST(BuildAlike, a_program_that_is_compiled_as_the_library_is_links_and_runs) {
  const Folder folder;
  const ProcessResult built = compile_and_link(folder, kProgram, {});
  ASSERT_EQ(built.exit_code, 0) << built.err;
  EXPECT_EQ(run_process(folder.path("program"), {}).exit_code, 0);
}

TEST(BuildAlike, debug_containers_in_the_program_alone_do_not_link_and_the_linker_says_why) {
  const Folder folder;
  const ProcessResult built = compile_and_link(folder, kProgram, {"-D_GLIBCXX_DEBUG"});
  EXPECT_NE(built.exit_code, 0);
  EXPECT_THAT(built.err, HasSubstr("built_with"));
  EXPECT_THAT(built.err, HasSubstr("debug_containers"));
}

TEST(BuildAlike, old_strings_in_the_program_alone_do_not_link_and_the_linker_says_why) {
  const Folder folder;
  const ProcessResult built = compile_and_link(folder, kProgram, {"-D_GLIBCXX_USE_CXX11_ABI=0"});
  EXPECT_NE(built.exit_code, 0);
  EXPECT_THAT(built.err, HasSubstr("built_with"));
  EXPECT_THAT(built.err, HasSubstr("libstdcxx_with_old_strings"));
}

// Sections that nothing uses are not kept; the need of the anchor is.
TEST(BuildAlike, a_linker_that_drops_what_is_unused_does_not_drop_the_check) {
  const Folder folder;
  const ProcessResult built = compile_and_link(folder, "#include <distflow/send.hpp>\nint main() {}\n",
                                               {"-O2", "-fdata-sections", "-Wl,--gc-sections", "-D_GLIBCXX_DEBUG"});
  EXPECT_NE(built.exit_code, 0);
  EXPECT_THAT(built.err, HasSubstr("debug_containers"));
}

TEST(BuildAlike, before_cpp20_each_public_header_says_so) {
  for (const std::string& header : public_headers()) {
    SCOPED_TRACE(header);
    const Folder folder;
    folder.write("program.cpp", "#include <distflow/" + header + ">\n");
    const ProcessResult compiled = run_compiler({"-std=c++17", "-fsyntax-only", folder.path("program.cpp")});
    EXPECT_NE(compiled.exit_code, 0);
    EXPECT_THAT(compiled.err, HasSubstr("distflow needs C++20"));
  }
}

TEST(BuildAlike, each_public_header_stands_by_itself_in_strict_cpp20) {
  for (const std::string& header : public_headers()) {
    SCOPED_TRACE(header);
    const Folder folder;
    folder.write("program.cpp", "#include <distflow/" + header + ">\n");
    const ProcessResult compiled = run_compiler(
        {"-std=c++20", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", folder.path("program.cpp")});
    EXPECT_EQ(compiled.exit_code, 0) << compiled.err;
  }
}

}  // namespace
}  // namespace distflow::test
