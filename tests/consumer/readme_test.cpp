// README.md's program, built in each of the ways that README.md has, and run: with the text of its own blocks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/consumer/compiling.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reserved_port.hpp"

namespace distflow::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// The fenced block of that language in which `word` stands.
std::string block_of_readme(const std::string& language, const std::string& word) {
  std::ifstream file(DISTFLOW_SOURCE "/README.md");
  const std::string text(std::istreambuf_iterator<char>(file), {});
  const std::string fence = "```" + language;  // what stands behind it is for tools/run_document
  for (std::size_t at = text.find(fence); at != std::string::npos; at = text.find(fence, at + 1)) {
    const std::size_t begin = text.find('\n', at) + 1;
    const std::string block = text.substr(begin, text.find("```", begin) - begin);
    if (block.find(word) != std::string::npos) return block;
  }
  ADD_FAILURE() << "README.md has no block of " << language << " with " << word;
  return {};
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
  return text;
}

/// A tool that builds: what it writes goes to a file, so that it may compile in silence for as long as the machine
/// takes.
void build_with(const std::vector<std::string>& tool) {
  const Folder folder;
  const std::string log = folder.path("log");
  std::vector<std::string> words{"-c", "exec \"$@\" >\"$0\" 2>&1", log};
  append(words, tool);
  const ProcessResult result = run_process("/bin/sh", words);
  std::ifstream file(log);
  ASSERT_EQ(result.exit_code, 0) << std::string(std::istreambuf_iterator<char>(file), {});
}

void expect_success(const ProcessResult& result) { ASSERT_EQ(result.exit_code, 0) << result.out << result.err; }

/// A PMD's port that nobody uses, and programs that know of no other PMD, nor of a daemon but their own.
class Surroundings {
 public:
  [[nodiscard]] std::vector<std::string> variables() const {
    return {"DISTFLOW_PMD_ADDR=127.0.0.1:" + port(), "DISTFLOW_PMD=", "PATH=/usr/bin:/bin"};
  }
  [[nodiscard]] std::string port() const { return port_.text(); }

  /// The executable of the PMD that runs there; empty if none does.
  [[nodiscard]] fs::path running_daemon() const {
    const ProcessResult status = run_process(DISTFLOW_CLI, {"pmd", "status", "--json", "--port", port()});
    const std::size_t pid = status.out.find("\"pid\":");
    if (pid == std::string::npos) return {};
    std::error_code error;
    return fs::read_symlink("/proc/" + std::to_string(std::stoi(status.out.substr(pid + 6))) + "/exe", error);
  }
  void end_daemon() const { run_process(DISTFLOW_CLI, {"pmd", "kill", "--force", "--port", port()}); }

 private:
  const ReservedPort port_;
};

/// Without a PMD the program starts the daemon that was put there for it; then it hears pong's answer.
void expect_runs(const std::string& program, const fs::path& daemon) {
  const Surroundings surroundings;
  expect_success(run_process(program, {}, surroundings.variables()));
  EXPECT_EQ(surroundings.running_daemon(), fs::canonical(daemon));

  ChildProcess pong(DISTFLOW_PONG, {"--pmd-port", surroundings.port()});
  ASSERT_TRUE(pong.wait_for_output("pong is ready"));
  std::array<int, 2> keys{};  // the program ends with the end of its standard input
  ASSERT_EQ(::pipe(keys.data()), 0);
  ASSERT_EQ(::fcntl(keys[1], F_SETFD, FD_CLOEXEC), 0);
  ChildProcess greeter("/bin/sh", {"-c", "exec \"$0\" <&" + std::to_string(keys[0]), program},
                       surroundings.variables());
  EXPECT_TRUE(greeter.wait_for_output(R"( says {"type":"PONG","n":1})")) << greeter.err();
  ::close(keys[0]);
  ::close(keys[1]);
  expect_success(greeter.wait());
  pong.send_signal(SIGTERM);
  expect_success(pong.wait());
  surroundings.end_daemon();
}

/// README's program, and one of its CMakeLists.txt, configured without a build type, and built.
void build_with_cmake(const std::string& source, const std::string& build, const std::string& marker,
                      const std::vector<std::string>& options) {
  fs::create_directories(source);
  std::ofstream(source + "/greeter.cpp") << block_of_readme("cpp", "int main()");
  std::ofstream(source + "/CMakeLists.txt") << block_of_readme("cmake", marker);
  std::vector<std::string> words{DISTFLOW_CMAKE, "-S", source, "-B", build, "-DCMAKE_CXX_COMPILER=" DISTFLOW_COMPILER};
  append(words, options);
  build_with(words);
  build_with({DISTFLOW_CMAKE, "--build", build, "-j", "2"});
}

TEST(Readme, its_program_runs_with_find_package) {
  const Folder folder;
  build_with_cmake(folder.path("app"), folder.path("build"), "find_package", {"-DCMAKE_PREFIX_PATH=" DISTFLOW_PREFIX});
  expect_runs(folder.path("build/greeter"), DISTFLOW_PREFIX "/bin/distflow-pmd");
}

TEST(Readme, its_program_runs_with_pkg_config_and_a_plain_compiler) {
  for (const std::string option : {"pkg-config", "pkg-config --static"}) {
    SCOPED_TRACE(option);
    const Folder folder;
    folder.write("greeter.cpp", block_of_readme("cpp", "int main()"));
    std::string script = replaced(block_of_readme("sh", "pkg-config"), "PREFIX/", DISTFLOW_PREFIX "/");
    script = replaced(script, "PREFIX/lib/", "PREFIX/" DISTFLOW_LIBDIR "/");
    script = replaced(script, "c++ ", DISTFLOW_COMPILER " ");
    script = replaced(script, "pkg-config ", option + " ");
    build_with({"/bin/sh", "-e", "-c", "cd \"$0\"\n" + script, folder.path(".")});
    expect_runs(folder.path("greeter"), DISTFLOW_PREFIX "/bin/distflow-pmd");
  }
}

// In the folder of this build, so that it is compiled once and not each time.
TEST(Readme, its_program_runs_with_distflow_as_a_part_of_its_build) {
  const std::string source = DISTFLOW_EMBEDDED "/app";
  fs::create_directories(source);
  std::error_code exists_already;
  fs::create_directory_symlink(DISTFLOW_SOURCE, source + "/distflow", exists_already);
  build_with_cmake(source, DISTFLOW_EMBEDDED "/build", "add_subdirectory", {});
  EXPECT_FALSE(fs::exists(DISTFLOW_EMBEDDED "/build/compile_commands.json"));
  std::ifstream ninja(DISTFLOW_EMBEDDED "/build/distflow/src/base/CMakeFiles/df_base.dir/flags.make");
  if (ninja) {
    EXPECT_THAT(std::string(std::istreambuf_iterator<char>(ninja), {}), HasSubstr("-O3"));
  }
  expect_runs(DISTFLOW_EMBEDDED "/build/greeter", DISTFLOW_EMBEDDED "/build/distflow-pmd");
}

TEST(Readme, its_program_finds_the_daemon_of_the_prefix_from_a_folder_of_its_own_after_a_second_installation) {
  const Folder prefix;
  for (int i = 0; i < 2; ++i) {
    build_with({DISTFLOW_CMAKE, "--install", DISTFLOW_BUILD, "--prefix", prefix.path("a b")});
  }
  const Folder folder;
  build_with_cmake(folder.path("app"), folder.path("build"), "find_package",
                   {"-DCMAKE_PREFIX_PATH=" + prefix.path("a b")});
  expect_runs(folder.path("build/greeter"), prefix.path("a b/bin/distflow-pmd"));
}

}  // namespace
}  // namespace distflow::test
