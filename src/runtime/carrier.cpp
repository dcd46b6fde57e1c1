#include "runtime/carrier.hpp"

#include "runtime/link.hpp"

namespace distflow::runtime {

void Carrier::note_gone() {
  if (Link* const link = std::exchange(link_, nullptr)) link->on_carrier_gone();
}

}  // namespace distflow::runtime
