// The lock file of a node's process that has ended.
//
// Any thread.
// Use: EXPECT_FALSE(remove_lock_file(pid)) << "it was left";
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>

namespace distflow::test {

/// Whether there was one.
inline bool remove_lock_file(pid_t process_id) {
  return ::unlink(("/tmp/distflow-node-" + std::to_string(process_id) + ".lock").c_str()) == 0;
}

}  // namespace distflow::test
