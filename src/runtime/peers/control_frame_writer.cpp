#include "runtime/peers/control_frame_writer.hpp"

namespace distflow::runtime {

std::optional<transport::EncodedFrame> encode_control_frame(LinkParts& parts, std::string_view to,
                                                            const protocol::ControlFrame& notice) {
  return parts.out.encode(
      protocol::write_control_frame(parts.reader_parts.node_id, to, parts.reactor.wall_ms(), notice));
}

bool send_control_frame(LinkParts& parts, transport::Connection& connection, std::string_view to,
                        const protocol::ControlFrame& notice) {
  const auto frame = encode_control_frame(parts, to, notice);
  return frame && connection.send({frame->chunk, frame->bytes, 0}) == transport::SendResult::queued;
}

}  // namespace distflow::runtime
