#include "io/posix/timer_slack.hpp"

namespace distflow::io::posix {

int set_timer_slack(int) { return -1; }

}  // namespace distflow::io::posix
