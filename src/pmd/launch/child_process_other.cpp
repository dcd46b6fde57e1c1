// Of systems without vfork(), or that warn of it.
#include <unistd.h>

#include "pmd/launch/child_process.hpp"

namespace distflow::pmd {

pid_t start_child(ChildBody run, const void* plan) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    run(plan);
    ::_exit(127);
  }
  return pid;
}

}  // namespace distflow::pmd
