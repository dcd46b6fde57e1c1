// Notices to peers (protocol/connection_notice.hpp), as frames of this node's.
//
// Loop thread only.
// Use: send_notice(parts, connection, peer, {.kind = ConnectionNotice::Kind::end});
#pragma once

#include <optional>
#include <string_view>

#include "protocol/connection_notice.hpp"
#include "runtime/link.hpp"

namespace distflow::runtime {

/// The frame, valid as any of the node's out buffer; nothing without memory.
[[nodiscard]] std::optional<transport::EncodedFrame> encode_notice(LinkParts& parts, std::string_view to,
                                                                   const protocol::ConnectionNotice& notice);

/// Queues the frame, which is counted as no message; false when it cannot be.
bool send_notice(LinkParts& parts, transport::Connection& connection, std::string_view to,
                 const protocol::ConnectionNotice& notice);

}  // namespace distflow::runtime
