// Has the kernel refuse a system call, as seccomp does in containers and as an older kernel would.
//
// Linux. Holds for the calling thread and all threads and processes that it starts, and cannot be taken back: call it
// in a child process (tests/support/child.hpp). Use: refuse_system_call({.number = __NR_io_uring_setup, .error =
// EPERM});
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace distflow::test {

struct RefusedSystemCall {
  std::uint32_t number;  ///< __NR_...
  int error;             ///< the errno that it ends with
  /// Refused only if its second argument is one of [from, to]; by default any is.
  std::uint32_t second_argument_from = 0;
  std::uint32_t second_argument_to = UINT32_MAX;
};

/// False where this system has no filters.
inline bool refuse_system_call(const RefusedSystemCall& refused) {
  constexpr std::uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr std::uint16_t kEnd = BPF_RET | BPF_K;
  const auto error = static_cast<std::uint32_t>(refused.error) & SECCOMP_RET_DATA;
  // Of the second argument the lower half, on a machine that is little-endian.
  std::array program{
      sock_filter BPF_STMT(kLoad, offsetof(seccomp_data, nr)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, refused.number, 0, 4),
      sock_filter BPF_STMT(kLoad, offsetof(seccomp_data, args) + sizeof(seccomp_data::args[0])),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, refused.second_argument_from, 0, 2),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, refused.second_argument_to, 1, 0),
      sock_filter BPF_STMT(kEnd, SECCOMP_RET_ERRNO | error),
      sock_filter BPF_STMT(kEnd, SECCOMP_RET_ALLOW),
  };
  sock_fprog filter{.len = static_cast<unsigned short>(program.size()), .filter = program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace distflow::test
