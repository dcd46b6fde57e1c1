#include "runtime/receive/ring_mailbox.hpp"

#include "runtime/receive/ring_mailbox_parts.hpp"

namespace distflow::runtime {

template class BasicRingMailbox<base::StdAtomics>;

}  // namespace distflow::runtime
