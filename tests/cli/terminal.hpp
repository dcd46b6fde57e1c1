// A program with a terminal as its standard output: what it writes there, and how wide it takes it to be.
//
// One thread.
// Use: Terminal terminal(40); EXPECT_EQ(terminal.run(DISTFLOW_CLI, {"nodes"}).exit_code, 0); terminal.text()
#pragma once

#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "tests/support/process.hpp"

namespace distflow::test {

class Terminal {
 public:
  explicit Terminal(unsigned short columns) : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    DF_ASSERT(master_ >= 0 && ::grantpt(master_) == 0 && ::unlockpt(master_) == 0);
    slave_ = ::open(::ptsname(master_), O_RDWR | O_NOCTTY | O_CLOEXEC);
    DF_ASSERT(slave_ >= 0);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    DF_ASSERT(::ioctl(slave_, TIOCSWINSZ, &size) == 0);
    termios settings{};
    DF_ASSERT(::tcgetattr(slave_, &settings) == 0);
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);  // lines end with what the program wrote
    DF_ASSERT(::tcsetattr(slave_, TCSANOW, &settings) == 0);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() {
    ::close(slave_);
    ::close(master_);
  }

  /// Runs a program that writes less than a terminal holds unread (4095 bytes), to its end.
  ProcessResult run(const std::string& program, std::vector<std::string> words,
                    const std::vector<std::string>& environment = {}) {
    words.insert(words.begin(), program);
    // Not as run_process() gives them: of two values of a variable, a shell may pass on the other one.
    words.insert(words.begin(), environment.begin(), environment.end());
    words.insert(words.begin(), {"-c", "exec env \"$@\" >" + std::string(::ptsname(master_)), "sh"});
    const ProcessResult result = run_process("/bin/sh", words);
    std::array<char, 4096> buffer{};
    ::fcntl(master_, F_SETFL, O_NONBLOCK);
    for (ssize_t size = 0; (size = ::read(master_, buffer.data(), buffer.size())) > 0;)
      text_.append(buffer.data(), static_cast<std::size_t>(size));
    return result;
  }

  /// All that was written so far.
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  const int master_;
  int slave_ = -1;
  std::string text_;
};

}  // namespace distflow::test
