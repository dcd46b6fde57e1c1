// Requests that have waited for a connection: what is left of their time is written into them before they leave.
//
// Pure; loop thread. Costs nothing for frames that leave at once.
//   1. Frames keep their sizes. A number that is shorter has white space behind it; a request whose time is over
//      becomes the end of itself, `"ms":0` without a payload, and white space.
//   2. Only requests are written to: their memory is no other link's, and no system call has it.
// Use: restamp_requests(queue.filled(), link.prefix(), [](std::uint64_t id) { return ms_left(id); });
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/delegate.hpp"
#include "io/operation.hpp"

namespace distflow::runtime {

/// The pieces have whole frames of this node's own, which may be written to. Those to that peer begin with `prefix`, as
/// envelope_prefix() makes it. `ms_left` has the ms that are left for the request of that id, as of now, and no more
/// than it has in its frame; 0: nobody waits for it.
void restamp_requests(std::span<const io::Piece> pieces, std::string_view prefix,
                      base::Delegate<std::int64_t(std::uint64_t id)> ms_left) noexcept;

}  // namespace distflow::runtime
