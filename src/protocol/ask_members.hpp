// What makes a message a request or a reply: members of its extension (extension.hpp).
//
//     {"from":A,"to":B,"payload":V,"timestamp":T,"ask":ID,"ms":N}       a request, to be answered within N milliseconds
//     {"from":A,"to":B,"timestamp":T,"ask":ID,"ms":0}                   the request is no longer of interest
//     {"from":B,"to":A,"payload":V,"timestamp":T,"re":ID}               the reply
//     {"from":B,"to":A,"timestamp":T,"re":ID,"error":"busy"}            why there is none
//
// Pure functions; any thread.
//   1. Only nodes with kAskCap are sent any.
//   2. An id is a number of the node that asks: 1 to kAskIdMax. The ids that nodes make have 16 digits, for which
//      decode_template() has a way of its own.
//   3. Any members may come with these, and in any order. One that is no reply and no request by these forms is an
//      ordinary message; but what has a "re" is never one.
// Use: const AskMembers ask = read_ask_members(envelope.extension, envelope.has_payload());
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "protocol/extension.hpp"

namespace distflow::protocol {

/// The capability to take requests and replies.
inline constexpr std::string_view kAskCap = "ask";

/// The largest integer that every reader of JSON takes exactly.
inline constexpr std::uint64_t kAskIdMax = (std::uint64_t{1} << 53) - 1;

/// Why there is no reply, as the answering node has it.
enum class AskWord : std::uint8_t { no_handler, busy, expired, denied, failed, shut_down, unsupported };
inline constexpr std::array<std::string_view, 7> kAskWords{"no_handler", "busy",      "expired",    "denied",
                                                           "failed",     "shut_down", "unsupported"};

[[nodiscard]] constexpr std::string_view to_text(AskWord word) { return kAskWords[static_cast<std::size_t>(word)]; }

struct AskMembers {
  enum class Kind : std::uint8_t {
    none,     ///< an ordinary message
    request,  ///< to be answered within `ms`
    cancel,   ///< of a request
    reply,    ///< with a payload
    error,    ///< why there is none; a word that is not known is `failed`
    invalid,  ///< it has a "re", and is no reply
  };

  Kind kind = Kind::none;
  AskWord word = AskWord::failed;  ///< of an error
  std::uint64_t id = 0;
  std::int64_t ms = 0;  ///< of a request: above zero

  friend bool operator==(const AskMembers&, const AskMembers&) = default;
};

[[nodiscard]] AskMembers read_ask_members(const Extension& extension, bool has_payload) noexcept;

/// The text of an extension, in place.
class AskText {
 public:
  static AskText request(std::uint64_t id, std::int64_t ms) noexcept;
  static AskText reply(std::uint64_t id) noexcept;
  static AskText error(std::uint64_t id, AskWord word) noexcept;

  /// Of this object.
  [[nodiscard]] Extension extension() const noexcept { return Extension({text_.data(), size_}); }

 private:
  AskText() = default;
  void append(std::string_view text) noexcept;
  void append(std::uint64_t number) noexcept;

  static constexpr std::size_t kSizeMax = 64;

  std::array<char, kSizeMax> text_;  // filled up to size_
  std::size_t size_ = 0;
};

}  // namespace distflow::protocol
