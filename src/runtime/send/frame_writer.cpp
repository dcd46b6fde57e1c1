#include "runtime/send/frame_writer.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <new>

#include "base/assert.hpp"
#include "protocol/envelope.hpp"

namespace distflow::runtime {
namespace {

/// Lends the room behind the frame under way to the application.
class InPlaceWriter final : public PayloadWriter {
 public:
  explicit InPlaceWriter(transport::OutBuffer& out) : PayloadWriter(&grow), out_(out) {}

  [[nodiscard]] bool is_refused() const { return is_refused_; }

  /// Appends the bytes that were written to the frame.
  void settle() {
    if (cursor_ != begin_) out_.commit(static_cast<std::size_t>(cursor_ - begin_));
    begin_ = cursor_;
  }

 private:
  static void grow(PayloadWriter& writer, std::size_t size) {
    auto& self = static_cast<InPlaceWriter&>(writer);
    self.settle();
    // More than is asked for, so that the next small ones find room.
    const std::size_t room = std::max<std::size_t>(size, 256);
    self.begin_ = self.cursor_ = self.out_.reserve(room);
    self.end_ = self.cursor_ == nullptr ? nullptr : self.cursor_ + room;
  }

  transport::OutBuffer& out_;
  char* begin_ = nullptr;
};

/// Forgets the frame under way when the application's call throws, or refuses.
class AbandonUnlessFinished {
 public:
  explicit AbandonUnlessFinished(transport::OutBuffer& out) : out_(&out) {}
  AbandonUnlessFinished(const AbandonUnlessFinished&) = delete;
  AbandonUnlessFinished& operator=(const AbandonUnlessFinished&) = delete;
  ~AbandonUnlessFinished() {
    if (out_ != nullptr) out_->abandon_frame();
  }
  void disarm() { out_ = nullptr; }

 private:
  transport::OutBuffer* out_;
};

class StringWriter final : public PayloadWriter {
 public:
  explicit StringWriter(std::string& text) : PayloadWriter(&grow), text_(text) {}
  [[nodiscard]] bool is_refused() const { return is_refused_; }
  [[nodiscard]] bool is_out_of_memory() const { return is_out_of_memory_; }
  void settle() {
    if (cursor_ != nullptr) text_.resize(static_cast<std::size_t>(cursor_ - text_.data()));
  }

 private:
  static void grow(PayloadWriter& writer, std::size_t size) {
    auto& self = static_cast<StringWriter&>(writer);
    const std::size_t used = self.cursor_ == nullptr ? 0 : static_cast<std::size_t>(self.cursor_ - self.text_.data());
    try {
      self.text_.resize(std::max(used + size, 2 * self.text_.size()));
    } catch (const std::bad_alloc&) {  // inside the application's code, which gets a null pointer
      self.is_out_of_memory_ = true;
      self.end_ = self.cursor_;
      return;
    }
    self.cursor_ = self.text_.data() + used;
    self.end_ = self.text_.data() + self.text_.size();
  }

  std::string& text_;
  bool is_out_of_memory_ = false;
};

/// The parts of a frame in their order; where there is no extension the last three are empty.
struct FrameParts {
  FrameParts(std::string_view prefix, const OutgoingMessage& message, std::string_view suffix)
      : head(prefix), time(suffix) {
    if (!message.is_written_in_place()) text = message.text();
    if (!message.has_payload()) {
      DF_ASSERT(head.ends_with(protocol::kPayloadKey));
      head.remove_suffix(protocol::kPayloadKey.size());
    }
    if (message.extension().empty()) return;
    close = time.substr(time.size() - 1);
    time.remove_suffix(1);
    comma = ",";
    extension = message.extension().text();
  }

  [[nodiscard]] std::size_t size() const {
    return head.size() + text.size() + time.size() + comma.size() + extension.size() + close.size();
  }
  void append_tail(transport::OutBuffer& out) const {
    out.append(time);
    out.append(comma);
    out.append(extension);
    out.append(close);
  }

  std::string_view head;
  std::string_view text;
  std::string_view time;
  std::string_view comma;
  std::string_view extension;
  std::string_view close;
};

/// Ends a frame that was begun: finishes it, or abandons it.
SendVerdict end_frame(transport::OutBuffer& out, std::size_t frame_size_max, transport::EncodedFrame& frame) {
  if (out.is_out_of_memory() || out.body_size() > frame_size_max) {
    const bool is_out_of_memory = out.is_out_of_memory();
    out.abandon_frame();
    return is_out_of_memory ? SendVerdict::out_of_memory : SendVerdict::too_large;
  }
  frame = out.end_frame();
  return SendVerdict::queued;
}

SendVerdict write_by_call(transport::OutBuffer& out, const FrameParts& parts, const OutgoingMessage& message,
                          std::size_t frame_size_max, transport::EncodedFrame& frame) {
  out.begin_frame();
  out.append(parts.head);
  InPlaceWriter writer(out);
  AbandonUnlessFinished unfinished(out);
  message.write_payload(writer);
  if (writer.is_refused()) return SendVerdict::invalid_json;
  unfinished.disarm();
  writer.settle();
  parts.append_tail(out);
  return end_frame(out, frame_size_max, frame);
}

/// What requests and replies are, where the chunk at hand has room for it; false, and nothing written, where not, and
/// when the frame is too large.
bool try_extended_text(transport::OutBuffer& out, std::string_view prefix, const OutgoingMessage& message,
                       std::string_view suffix, std::size_t frame_size_max, transport::EncodedFrame& frame) {
  const std::string_view text = message.text();
  const std::string_view extension = message.extension().text();
  const std::size_t size = prefix.size() + text.size() + suffix.size() + 1 + extension.size();
  if (size > frame_size_max) return false;
  char* place = out.try_place(size);
  if (place == nullptr) return false;
  place = detail::copy(detail::copy_around(place, prefix), text);
  place = detail::copy_around(place, suffix);
  place[-1] = ',';  // in place of the brace, which goes behind the extension
  place = detail::copy_around(place, extension);
  *place = '}';
  frame = out.take_placed(size);
  return true;
}

}  // namespace

namespace detail {

SendVerdict write_elsewhere(transport::OutBuffer& out, std::string_view prefix, std::string_view text,
                            std::string_view suffix, transport::EncodedFrame& frame) {
  out.begin_frame(prefix.size() + text.size() + suffix.size());
  out.append(prefix);
  out.append(text);
  out.append(suffix);
  return end_frame(out, std::numeric_limits<std::size_t>::max(), frame);
}

SendVerdict write_with_parts(transport::OutBuffer& out, std::string_view prefix, const OutgoingMessage& message,
                             std::string_view suffix, std::size_t frame_size_max, transport::EncodedFrame& frame) {
  if (message.is_extended_text() && try_extended_text(out, prefix, message, suffix, frame_size_max, frame)) [[likely]]
    return SendVerdict::queued;
  const FrameParts parts(prefix, message, suffix);
  if (message.is_written_in_place()) return write_by_call(out, parts, message, frame_size_max, frame);
  const std::size_t size = parts.size();
  if (size > frame_size_max) return SendVerdict::too_large;
  out.begin_frame(size);
  out.append(parts.head);
  out.append(parts.text);
  parts.append_tail(out);
  return end_frame(out, frame_size_max, frame);
}

}  // namespace detail

void EnvelopeSuffix::make(base::WallMs now) {
  static_assert(sizeof(text_) >= protocol::kEnvelopeSuffixSizeMax);
  size_ = protocol::write_envelope_suffix(text_.data(), now);
  made_at_ = now;
}

SendVerdict copy_message(const OutgoingMessage& message, std::size_t frame_size_max, ParkedMessage& copy) {
  const std::string_view extension = message.extension().text();
  copy.extension = extension;
  copy.has_payload = message.has_payload();
  if (!message.is_written_in_place()) {
    if (message.text().size() + extension.size() > frame_size_max) return SendVerdict::too_large;
    copy.payload = message.text();
    return SendVerdict::queued;
  }
  StringWriter writer(copy.payload);
  message.write_payload(writer);
  writer.settle();
  if (writer.is_out_of_memory()) return SendVerdict::out_of_memory;
  if (writer.is_refused()) return SendVerdict::invalid_json;
  return copy.size() > frame_size_max ? SendVerdict::too_large : SendVerdict::queued;
}

}  // namespace distflow::runtime
