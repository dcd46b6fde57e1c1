// The setup of the command line's streams (stream/stream_setup.hpp): to its PMD, and to the nodes that it pings. Its
// nodes have that of a node.
//
// The thread of the command.
// Use: BlockingClient::create(stream_setup(), options)
#pragma once

#include "stream/stream_setup.hpp"

namespace distflow::cli {

/// The one of this process.
[[nodiscard]] inline stream::StreamSetup& stream_setup() {
  static stream::StreamSetup setup;
  return setup;
}

}  // namespace distflow::cli
