// From frames that are dropped to dead letters (runtime/counters/dead_letters.hpp).
//
// Pure; loop thread. Does nothing for frames that leave.
// Use: keep_dropped(traffic, &SendCounters::dropped_peer_left, queue.filled(), 0);
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "io/operation.hpp"
#include "runtime/counters/traffic.hpp"

namespace distflow::runtime {

/// Keeps the newest messages to one node of the frames that do not lie as a whole in the first `bytes_sent` bytes of
/// the pieces, which have whole frames. Those before are not read. Of frames of another kind only the ends are read.
/// `name`: that they were sent to, where it is known. Never throws.
void keep_dropped(const Traffic& traffic, Counter SendCounters::*reason, std::span<const io::Piece> pieces,
                  std::size_t bytes_sent, std::string_view name = {}) noexcept;

}  // namespace distflow::runtime
