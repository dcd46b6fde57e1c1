#include "runtime/receive/mailbox.hpp"

#include "runtime/receive/mailbox_parts.hpp"

namespace distflow::runtime {

template class BasicMailbox<base::StdAtomics>;

}  // namespace distflow::runtime
