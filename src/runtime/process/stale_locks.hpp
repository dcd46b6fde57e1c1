// Removes the lock files that killed processes have left; each node that starts does so.
//
// Any thread; several processes may do so at the same time.
//   1. A file is removed only if its name's process is dead, it belongs to this user, and nobody holds its lock. In
//      another pid namespace the process may live all the same: then it holds the lock.
//   2. A file is removed while its lock is held (runtime/process/lock_file.hpp). The folder's lock keeps others from
//      doing the same work meanwhile.
//   3. The work is bounded: at most kStaleLooksMax entries are read, and kStaleRemovedMax files removed. A folder whose
//      lock somebody else holds is left to them.
// Use: remove_stale_locks("/tmp");
#pragma once

#include <string>

namespace distflow::runtime {

/// The name of the lock file of that process, without its folder.
std::string lock_file_name(int process_id);

/// Whether the descriptor's file is the one that has this name, in `folder` if the name is relative.
bool is_file_named(int fd, int folder, const char* name);

inline constexpr int kStaleLooksMax = 4096;
inline constexpr int kStaleRemovedMax = 8;

void remove_stale_locks(const std::string& folder);

}  // namespace distflow::runtime
