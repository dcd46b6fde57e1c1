// Of systems where a process inherits none of what Linux's does, or nobody has looked it up.
#include "pmd/launch/inherited_state.hpp"

namespace distflow::pmd {

KeptState reset_scheduling() noexcept { return 0; }

}  // namespace distflow::pmd
