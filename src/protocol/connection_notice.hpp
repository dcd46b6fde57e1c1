// What nodes say to each other of their connections, beside messages:
//
//     {"from":A,"to":B,"timestamp":MS,"connection":"ask NONCE"}
//
// An envelope without a payload, with one more key. Only nodes with kSharingCap are sent any; docs/wire-protocol.md,
// "Sharing a connection", says what they mean.
//
// Pure functions; any thread.
// Use: if (const auto notice = read_connection_notice(frame)) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace distflow::protocol {

/// The capability to share a connection: to answer on it, and to take answers there.
inline constexpr std::string_view kSharingCap = "shared-connections";
/// The capability to share memory with nodes of the same machine. Only beside kSharingCap.
inline constexpr std::string_view kMemoryCap = "shared-memory";

struct ConnectionNotice {
  enum class Kind : std::uint8_t {
    ask,  ///< May messages to you go where yours come from?
    may,  ///< They may, on this connection.
    end,  ///< Nothing more comes here: end the connection when you have sent what you have.

    memory,    ///< Here is memory that we may share.
    mapped,    ///< We do: what I send after this comes through it.
    unmapped,  ///< We do not.
    moved,     ///< What I send after this comes through the memory, too.
  };

  Kind kind = Kind::end;
  std::string nonce = {};        ///< of all but end and moved; 1 to kNonceSizeMax bytes
  std::string memory_name = {};  ///< of memory; 1 to kMemoryNameSizeMax bytes without a space
  std::uint64_t ring_size = 0;   ///< of memory: bytes of each direction

  static constexpr std::size_t kNonceSizeMax = 64;
  static constexpr std::size_t kMemoryNameSizeMax = 64;

  friend bool operator==(const ConnectionNotice&, const ConnectionNotice&) = default;
};

/// The body of a frame.
[[nodiscard]] std::string write_connection_notice(std::string_view from, std::string_view to, std::int64_t timestamp_ms,
                                                  const ConnectionNotice& notice);

/// The notice in an envelope; nothing when it has none, or one that is not known.
[[nodiscard]] std::optional<ConnectionNotice> read_connection_notice(std::string_view frame);

}  // namespace distflow::protocol
