#include "runtime/mailbox.hpp"

#include "runtime/mailbox_parts.hpp"

namespace distflow::runtime {

template class BasicMailbox<base::StdAtomics>;

}  // namespace distflow::runtime
