// Notices to peers (protocol/control_frame.hpp), as frames of this node's.
//
// Loop thread only.
// Use: send_control_frame(parts, connection, peer, {.kind = ControlFrame::Kind::end});
#pragma once

#include <optional>
#include <string_view>

#include "protocol/control_frame.hpp"
#include "runtime/peers/link.hpp"

namespace distflow::runtime {

/// The frame, valid as any of the node's out buffer; nothing without memory.
[[nodiscard]] std::optional<transport::EncodedFrame> encode_control_frame(LinkParts& parts, std::string_view to,
                                                                          const protocol::ControlFrame& notice);

/// Queues the frame, which is counted as no message; false when it cannot be.
bool send_control_frame(LinkParts& parts, transport::Connection& connection, std::string_view to,
                        const protocol::ControlFrame& notice);

}  // namespace distflow::runtime
