#include "runtime/notice_writer.hpp"

namespace distflow::runtime {

std::optional<transport::EncodedFrame> encode_notice(LinkParts& parts, std::string_view to,
                                                     const protocol::ConnectionNotice& notice) {
  const std::string text = protocol::write_connection_notice(parts.intake.node_id, to, parts.reactor.wall_ms(), notice);
  parts.out.begin_frame();
  parts.out.append(text);
  if (parts.out.is_out_of_memory()) {
    parts.out.abandon_frame();
    return std::nullopt;
  }
  return parts.out.end_frame();
}

bool send_notice(LinkParts& parts, transport::Connection& connection, std::string_view to,
                 const protocol::ConnectionNotice& notice) {
  const auto frame = encode_notice(parts, to, notice);
  return frame && connection.send({frame->chunk, frame->bytes, 0}) == transport::SendResult::queued;
}

}  // namespace distflow::runtime
