// Closes a stream that nobody wants, or that never came to be wanted.
//
// Loop thread only. Needs no owner: what it takes to close the stream ends by itself.
// Use: close_stream(reactor, handle);
#pragma once

#include "io/reactor.hpp"

namespace distflow::transport {

void close_stream(io::Reactor& reactor, io::Handle stream);

}  // namespace distflow::transport
