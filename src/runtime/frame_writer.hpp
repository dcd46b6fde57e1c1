// Writes one message as a frame, in place: length, envelope, payload, timestamp.
//
// One thread at a time.
//   1. The payload is copied once, from where the caller has it to where it is sent from.
//   2. A frame beyond `frame_size_max` is abandoned, whoever wrote it.
// Use: FrameWriter writer(out); auto verdict = writer.write(prefix, payload, suffix, limit, frame);
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <distflow/send.hpp>

#include "base/time.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

/// A payload in one of its forms: text, or a call that writes it.
struct PayloadSource {
  std::string_view text;
  void (*call)(void* callable, PayloadWriter& out) = nullptr;
  void* callable = nullptr;
};

/// What stands behind a payload, made once a millisecond.
class EnvelopeSuffix {
 public:
  std::string_view at(base::WallMs now);

 private:
  base::WallMs made_at_ = -1;
  std::size_t size_ = 0;
  std::array<char, 48> text_{};
};

/// Writes the frame of a message. `queued` when `frame` is it; else too_large or out_of_memory, and nothing written.
SendVerdict write_frame(transport::OutBuffer& out, std::string_view prefix, const PayloadSource& payload,
                        std::string_view suffix, std::size_t frame_size_max, transport::EncodedFrame& frame);

/// Makes the payload `text` of its own, for a message that has to wait for its envelope. `queued`, or why not.
SendVerdict copy_payload(const PayloadSource& payload, std::size_t frame_size_max, std::string& text);

}  // namespace distflow::runtime
