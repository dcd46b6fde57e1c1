// macOS and the BSDs.
#include <unistd.h>

#include "base/environment.hpp"

namespace distflow::base {

Rights rights_of_process() noexcept { return ::issetugid() != 0 ? Rights::raised : Rights::of_starter; }

}  // namespace distflow::base
