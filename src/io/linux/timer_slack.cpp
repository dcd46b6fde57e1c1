#include "io/posix/timer_slack.hpp"

#include <sys/prctl.h>

namespace distflow::io::posix {

int set_timer_slack(int ns) {
  const int before = ::prctl(PR_GET_TIMERSLACK);
  // 0 would bring back the default, which a thread that has another one did not ask for.
  if (ns < 1 || ::prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(ns)) != 0) return -1;
  return before;
}

}  // namespace distflow::io::posix
