// What nodes report to each other of their connections, beside messages:
//
//     {"from":A,"to":B,"timestamp":MS,"connection":"both"}
//
// An envelope without a payload, with one more key. Only nodes with kSharingCap are sent any; docs/wire-protocol.md,
// "One connection for both directions", says what they mean.
//
// Pure functions; any thread.
// Use: if (const auto notice = read_control_frame(frame)) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace distflow::protocol {

/// The capability to send on a connection of a peer of the same user, and to be sent to on one's own.
inline constexpr std::string_view kSharingCap = "one-connection";
/// The capability to answer a ping. A node without it may take one for a message.
inline constexpr std::string_view kPingCap = "ping";
/// The capability to take memory that a peer of the same user offers. Only beside kSharingCap.
inline constexpr std::string_view kMemoryCap = "offered-memory";

struct ControlFrame {
  enum class Kind : std::uint8_t {
    both,  ///< Of the opener, first of all: you may send here, too. Of the other side: I may send here.
    one,   ///< Of the other side: I do not send here.
    end,   ///< Nothing more comes here: end the connection when you have sent what you have.

    memory,    ///< Here is memory that we may share.
    mapped,    ///< We do: what I send after this comes through it.
    unmapped,  ///< We do not.
    moved,     ///< What I send after this comes through the memory, too.

    ping,  ///< Answer with the same nonce, on this connection. From anybody.
    pong,  ///< The answer.
  };

  Kind kind = Kind::end;
  std::string nonce = {};  ///< of memory: that it begins with; of ping and pong: any text. 1 to kNonceSizeMax bytes
  // Of memory alone.
  std::string memory_name = {};  ///< 1 to kMemoryNameSizeMax bytes without a space
  std::uint64_t ring_size = 0;   ///< bytes of each direction

  static constexpr std::size_t kNonceSizeMax = 64;
  static constexpr std::size_t kMemoryNameSizeMax = 64;

  friend bool operator==(const ControlFrame&, const ControlFrame&) = default;
};

/// The body of a frame.
[[nodiscard]] std::string write_control_frame(std::string_view from, std::string_view to, std::int64_t timestamp_ms,
                                              const ControlFrame& notice);

/// The notice in an envelope; nothing when it has none, or one that is not known.
[[nodiscard]] std::optional<ControlFrame> read_control_frame(std::string_view frame);

}  // namespace distflow::protocol
