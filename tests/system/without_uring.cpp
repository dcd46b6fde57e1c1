// Runs a program to which, and to all that it starts, io_uring is denied.
//
//     without_uring PROGRAM [ARGUMENTS]
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "tests/support/refused_system_call.hpp"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (!distflow::test::refuse_system_call({.number = __NR_io_uring_setup, .error = EPERM})) {
    std::perror("without_uring: this system has no filters of system calls");
    return 1;
  }
  ::execv(argv[1], argv + 1);
  std::perror(argv[1]);
  return 1;
}
