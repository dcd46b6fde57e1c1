// How much later than they are due a system may let a thread's timers expire, to have several expire at a time.
//
// Any thread: its own.
// Use: const int before = posix::set_timer_slack(1); ... posix::set_timer_slack(before);
#pragma once

namespace distflow::io::posix {

/// In nanoseconds. Returns what it was before; -1, and changes nothing, where the system does not have it, or for `ns`
/// below 1.
int set_timer_slack(int ns);

}  // namespace distflow::io::posix
