#include "transport/memory_ring.hpp"

#include "transport/memory_ring_parts.hpp"

namespace distflow::transport {

template class RingEnd<base::StdAtomics>;
template class BasicRingWriter<base::StdAtomics>;
template class BasicRingReader<base::StdAtomics>;

}  // namespace distflow::transport
