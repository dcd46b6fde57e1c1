// A message on its way out, before it is encoded: its payload and its extension. OutgoingMessage has views of them,
// ParkedMessage owns them.
//
// One thread at a time. The references of an OutgoingMessage outlive the call that it is given to.
// Use: router.send(target, OutgoingMessage(json));
//      router.send(target, OutgoingMessage(json).with(protocol::Extension(R"("ask":17,"ms":5000)")));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/send.hpp>

#include "base/assert.hpp"
#include "base/time.hpp"
#include "protocol/extension.hpp"

namespace distflow::runtime {

class OutgoingMessage {
 public:
  /// Writes the payload in place.
  using WritePayload = void (*)(void* callable, PayloadWriter& out);

  /// With a payload of that text.
  explicit OutgoingMessage(std::string_view payload) : text_(payload) {}
  /// With a payload that `call(callable, ...)` writes.
  OutgoingMessage(WritePayload call, void* callable) : call_{call, callable}, form_(Form::written_in_place) {}
  static OutgoingMessage without_payload() {
    OutgoingMessage message(std::string_view{});
    message.form_ = Form::none;
    return message;
  }

  /// The same message with that extension, of canonical text (protocol/extension.hpp).
  [[nodiscard]] OutgoingMessage with(const protocol::Extension& extension) const {
    DF_ASSERT(extension.text().size() <= protocol::kExtensionSizeMax);
    OutgoingMessage message = *this;
    message.extension_ = extension;
    if (form_ == Form::text && !extension.empty()) message.form_ = Form::extended_text;
    return message;
  }

  /// A text and nothing else, as nearly all are: one question in place of the three below.
  [[nodiscard]] bool is_plain() const { return form_ == Form::text; }
  /// A text and an extension.
  [[nodiscard]] bool is_extended_text() const { return form_ == Form::extended_text; }
  [[nodiscard]] bool has_payload() const { return form_ != Form::none; }
  [[nodiscard]] bool is_written_in_place() const { return form_ == Form::written_in_place; }
  [[nodiscard]] const protocol::Extension& extension() const { return extension_; }

  /// The payload, unless it is written in place; empty when there is none.
  [[nodiscard]] std::string_view text() const { return text_; }
  /// Only when it is written in place.
  void write_payload(PayloadWriter& out) const { call_.write(call_.callable, out); }

 private:
  enum class Form : std::uint8_t { text, extended_text, written_in_place, none };
  struct Call {
    WritePayload write;
    void* callable;
  };

  union {  // each send makes one of these: it is kept small
    std::string_view text_;
    Call call_;  // when written in place
  };
  protocol::Extension extension_;
  Form form_ = Form::text;
};

/// A message that waits for its target to be resolved.
struct ParkedMessage {
  std::string payload;
  std::string extension;
  bool has_payload = true;
  base::WallMs timestamp = 0;
  bool has_place = false;  ///< among those that wait for their name (ParkingRoom)

  [[nodiscard]] std::size_t size() const { return payload.size() + extension.size(); }
  /// A reply, or a word in its place.
  [[nodiscard]] bool is_answer() const { return extension.starts_with(R"("re":)"); }
  [[nodiscard]] OutgoingMessage outgoing() const {
    const auto message = has_payload ? OutgoingMessage(payload) : OutgoingMessage::without_payload();
    return message.with(protocol::Extension(extension));
  }
};

}  // namespace distflow::runtime
