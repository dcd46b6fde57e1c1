// What holds in a forked child, above all of its descriptors.
//
// The child lives for the question only. Any thread may ask.
// Use: EXPECT_TRUE(holds_in_child([&] { return !is_open(fd); }));
#pragma once

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace distflow::test {

/// No test has more open than this.
inline constexpr int kDescriptorsLooked = 256;

inline bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

inline std::vector<int> open_descriptors() {
  std::vector<int> open;
  for (int fd = 0; fd < kDescriptorsLooked; ++fd) {
    if (is_open(fd)) open.push_back(fd);
  }
  return open;
}

/// Whether `body` is true in a forked child.
template <class Body>
bool holds_in_child(Body body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body() ? 0 : 1);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace distflow::test
