// A program that runs with more rights than its starter has: a set-user-ID copy of find_pmd, started by a user without
// rights. Needs root, to make such a copy.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace distflow::pmd {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kNobody = 65534;

class RaisedRights : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make a set-user-ID program for another user";
    ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
    struct statvfs system {};
    ASSERT_EQ(::statvfs(folder_.c_str(), &system), 0);
    if ((system.f_flag & ST_NOSUID) != 0)
      GTEST_SKIP() << "the file system of /tmp has no set-user-ID programs (nosuid)";
    ::chmod(folder_.c_str(), 0755);
    fs::copy_file(DISTFLOW_FIND_PMD, path("find_pmd"));
    ASSERT_EQ(::chmod(path("find_pmd").c_str(), 04755), 0);
  }
  ~RaisedRights() override { fs::remove_all(folder_); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ + '/' + name; }

  void put_program(const std::string& at) {
    fs::create_directories(fs::path(at).parent_path());
    std::ofstream(at) << "#!/bin/sh\n";
    ASSERT_EQ(::chmod(at.c_str(), 0755), 0);
  }

  /// What find_pmd says when a user without rights starts it.
  std::string run_as_nobody(std::vector<std::string> environment) {
    std::vector<char*> variables;
    variables.reserve(environment.size() + 1);
    for (std::string& variable : environment) variables.push_back(variable.data());
    variables.push_back(nullptr);
    const std::string program = path("find_pmd");
    std::array<char*, 2> words{const_cast<char*>("find_pmd"), nullptr};
    std::array<int, 2> out{};
    EXPECT_EQ(::pipe2(out.data(), O_CLOEXEC), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::dup2(out[1], STDOUT_FILENO);
      if (::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0) {
        ::execve(program.c_str(), words.data(), variables.data());
      }
      ::_exit(127);
    }
    ::close(out[1]);
    std::string text;
    std::array<char, 256> buffer{};
    for (ssize_t size = 0; (size = ::read(out[0], buffer.data(), buffer.size())) > 0;) {
      text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    ::close(out[0]);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    return text;
  }

  std::string folder_ = "/tmp/distflow-test-XXXXXX";
};

TEST_F(RaisedRights, a_set_user_id_program_heeds_no_variable_and_no_path) {
  put_program(path("theirs/distflow-pmd"));
  const std::vector<std::string> environment{"DISTFLOW_PMD=" + path("theirs/distflow-pmd"), "PATH=" + path("theirs"),
                                             "DISTFLOW_IO=nonsense"};
  EXPECT_EQ(run_as_nobody(environment), "none\na backend\n");
  ASSERT_EQ(::chmod(path("find_pmd").c_str(), 0755), 0);
  EXPECT_EQ(run_as_nobody(environment), path("theirs/distflow-pmd") + "\nno such backend\n") << "an ordinary one does";
}

TEST_F(RaisedRights, a_set_user_id_program_starts_only_what_no_other_user_can_have_put_beside_it) {
  const std::string beside = path("distflow-pmd");
  put_program(beside);
  EXPECT_EQ(run_as_nobody({}), beside + "\na backend\n");
  ASSERT_EQ(::chown(beside.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(run_as_nobody({}), "none\na backend\n") << "another user's program";
  ASSERT_EQ(::chown(beside.c_str(), 0, 0), 0);
  ASSERT_EQ(::chmod(beside.c_str(), 0777), 0);
  EXPECT_EQ(run_as_nobody({}), "none\na backend\n") << "a program that anybody may write";
  ASSERT_EQ(::chmod(beside.c_str(), 0755), 0);
  ASSERT_EQ(::chown(folder_.c_str(), kNobody, kNobody), 0);
  EXPECT_EQ(run_as_nobody({}), "none\na backend\n") << "another user's folder, into which this was linked";
}

}  // namespace
}  // namespace distflow::pmd
