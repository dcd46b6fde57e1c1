// Writes one message as a frame, in place: length, envelope, payload, timestamp, extension.
//
// One thread at a time.
//   1. The payload is copied once, from where the caller has it to where it is sent from.
//   2. A frame beyond `frame_size_max` is abandoned, also one that the application writes in place.
// Use: SendVerdict verdict = write_frame(out, prefix, message, suffix, frame_size_max, frame);
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include <distflow/send.hpp>

#include "base/time.hpp"
#include "runtime/send/outgoing_message.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

/// The text behind a payload, with the time; made once a millisecond.
class EnvelopeSuffix {
 public:
  std::string_view at(base::WallMs now) {
    if (now != made_at_) [[unlikely]]
      make(now);
    return {text_.data(), size_};
  }

 private:
  void make(base::WallMs now);

  base::WallMs made_at_ = -1;
  std::size_t size_ = 0;
  std::array<char, 48> text_{};
};

namespace detail {

/// The two ends of `bytes`, which meet or overlap.
template <std::size_t kEnd>
inline void copy_ends(char* out, std::string_view bytes) {
  std::memcpy(out, bytes.data(), kEnd);
  std::memcpy(out + bytes.size() - kEnd, bytes.data() + bytes.size() - kEnd, kEnd);
}

/// Copies prefixes and suffixes: without a call if they have one of the usual lengths.
inline char* copy_around(char* out, std::string_view bytes) {
  if (bytes.size() - 16 <= 16) {
    copy_ends<16>(out, bytes);
  } else if (bytes.size() - 32 <= 32) {
    copy_ends<32>(out, bytes);
  } else if (!bytes.empty()) {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  return out + bytes.size();
}

inline char* copy(char* out, std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
  return out + bytes.size();
}

/// For text that the chunk at hand has no room for.
SendVerdict write_elsewhere(transport::OutBuffer& out, std::string_view prefix, std::string_view text,
                            std::string_view suffix, transport::EncodedFrame& frame);
/// For all but plain messages.
SendVerdict write_with_parts(transport::OutBuffer& out, std::string_view prefix, const OutgoingMessage& message,
                             std::string_view suffix, std::size_t frame_size_max, transport::EncodedFrame& frame);

}  // namespace detail

/// Writes the frame of a message; `prefix` is that of its pair (protocol::envelope_prefix), `suffix` that of its time.
/// `queued` when `frame` is it; else too_large or out_of_memory, and nothing written.
inline SendVerdict write_frame(transport::OutBuffer& out, std::string_view prefix, const OutgoingMessage& message,
                               std::string_view suffix, std::size_t frame_size_max, transport::EncodedFrame& frame) {
  if (!message.is_plain()) return detail::write_with_parts(out, prefix, message, suffix, frame_size_max, frame);
  const std::string_view text = message.text();
  const std::size_t size = prefix.size() + text.size() + suffix.size();  // all lie in memory: it cannot overflow
  if (size > frame_size_max) return SendVerdict::too_large;
  char* const place = out.try_place(size);
  if (place == nullptr) return detail::write_elsewhere(out, prefix, text, suffix, frame);
  detail::copy_around(detail::copy(detail::copy_around(place, prefix), text), suffix);
  frame = out.take_placed(size);
  return SendVerdict::queued;
}

/// Copies a message that has to wait for its envelope; the time is the caller's to set. `queued`, or why not.
SendVerdict copy_message(const OutgoingMessage& message, std::size_t frame_size_max, ParkedMessage& copy);

}  // namespace distflow::runtime
