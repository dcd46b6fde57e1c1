// Lock files that killed processes have left, removed by whoever comes next.
//
// Any thread; several processes may do so at the same time.
//   1. A file is removed only if its name's process is dead, it belongs to this user, and nobody holds its lock.
//   2. While a file is looked at its lock is held shared, and that of the folder exclusively: no two look at once, and
//      whoever finds a file's lock taken can tell a node, which holds it exclusively, from somebody who only looks.
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
