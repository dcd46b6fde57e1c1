#include "stream/memory_ring.hpp"

#include "stream/memory_ring_parts.hpp"

namespace distflow::stream {

template class RingEnd<base::StdAtomics>;
template class BasicRingWriter<base::StdAtomics>;
template class BasicRingReader<base::StdAtomics>;

}  // namespace distflow::stream
