// A part of a test that runs in a process of its own, for what a process cannot take back.
//
// The calling thread must be the only one. The child inherits the state of the test as fork() does.
// Use: EXPECT_TRUE(passes_in_child([] { refuse_system_call(...); EXPECT_TRUE(...); }));
#pragma once

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tests/support/lock_file.hpp"

namespace distflow::test {

/// Whether `body` came to its end in a child, and no expectation failed there; those that did are printed.
template <class Body>
bool passes_in_child(Body body) {
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    body();
    std::fflush(nullptr);
    ::_exit(::testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  EXPECT_FALSE(remove_lock_file(child)) << "a lock file was left";
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace distflow::test
