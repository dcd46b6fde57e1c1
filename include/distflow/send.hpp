// The arguments and the result of a send: the forms of a payload, the target, the verdict.
//
// RawJson, SendVerdict: values; any thread. Target: a value, one thread at a time; copy it for another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include <distflow/version.hpp>

namespace distflow {

/// The outcome of a send. Only `written` and `queued` mean that the message is under way.
///
/// `queued` is a promise, on whatever thread: the message has room until the system takes it. It is lost only with its
/// peer (which left, moved, cannot be reached or broke its connection), with its name (no node has it), with this node
/// or process, or when memory runs out. One that waits for its name may prove too large for a frame once its nodeId is
/// known. Each loss has its counter in SendStats. What the receiver does with a message is the receiver's: a full
/// mailbox there drops by its own policy. After `queue_full` a message may be sent when others have left:
/// NodeRuntime::send_wait() waits for that, NodeRuntime::on_writable() reports it.
enum class SendVerdict : std::uint8_t {
  written,         ///< handed to the operating system (see NodeOptions::write_at_once)
  queued,          ///< leaves at the end of this turn, or when the peer is connected, or when the PMD has answered
  queue_full,      ///< refused: what is under way to this peer from all threads, or from this one, is at its bound
  unresolved,      ///< refused: no node has that name, or too many messages wait for the PMD's answer
  too_large,       ///< refused: larger than frame_size_max
  invalid_json,    ///< refused: the payload is not one JSON value
  invalid_target,  ///< refused: an empty or overlong name, or more names than targets_max
  out_of_memory,   ///< dropped
  shut_down,       ///< refused: the node is shut down
  forked,          ///< refused: this process is a fork of the node's
  would_block,     ///< refused: send_wait() on the I/O thread, which is the one that makes room
};

/// There is room again for messages to a name.
struct Writable {
  std::string target;  ///< the alias or nodeId, as it was given to send()
};

/// Whether the message leaves, or has left.
[[nodiscard]] constexpr bool is_under_way(SendVerdict verdict) {
  return verdict == SendVerdict::written || verdict == SendVerdict::queued;
}

/// The verdict's name, as in the enumeration.
[[nodiscard]] DISTFLOW_API const char* to_string(SendVerdict verdict);

/// JSON text that is sent unchecked: the caller guarantees that it is one JSON value. A receiver refuses any
/// other text.
struct RawJson {
  std::string_view text;  ///< one JSON value; must live for the call that sends it
};

/// Marks `text` as known to be one JSON value, so that its grammar is not checked.
[[nodiscard]] constexpr RawJson raw_json(std::string_view text) { return {text}; }

/// Writes a payload in place, directly into the outgoing buffer.
/// Use: node.send_with("pong", [&](PayloadWriter& out) { out.append(R"({"n":1})"); });
class PayloadWriter {
 public:
  PayloadWriter(const PayloadWriter&) = delete;
  PayloadWriter& operator=(const PayloadWriter&) = delete;

  /// Room for `size` more bytes; null when memory is exhausted (the verdict says so).
  char* reserve(std::size_t size) { return size <= static_cast<std::size_t>(end_ - cursor_) ? cursor_ : grow(size); }
  /// Adds the first `size` bytes at reserve()'s pointer to the payload.
  void commit(std::size_t size) { cursor_ += size; }

  /// Writes `bytes`; nothing when memory is exhausted.
  void append(std::string_view bytes) {
    if (bytes.empty()) return;
    if (char* out = reserve(bytes.size())) {
      std::memcpy(out, bytes.data(), bytes.size());
      commit(bytes.size());
    }
  }
  /// Writes one byte; nothing when memory is exhausted.
  void push_back(char c) {
    if (char* out = reserve(1)) {
      *out = c;
      commit(1);
    }
  }
  /// Cancels the message: its verdict is invalid_json, and nothing of it is sent.
  void refuse() { is_refused_ = true; }

 protected:
  /// @cond
  using Grow = void (*)(PayloadWriter& writer, std::size_t size);
  explicit PayloadWriter(Grow how_to_grow) : grow_(how_to_grow) {}
  ~PayloadWriter() = default;

  char* cursor_ = nullptr;
  char* end_ = nullptr;
  bool is_refused_ = false;
  /// @endcond

 private:
  char* grow(std::size_t size) {
    grow_(*this, size);
    return size <= static_cast<std::size_t>(end_ - cursor_) ? cursor_ : nullptr;
  }
  const Grow grow_;
};

namespace runtime {
class SendCredit;
struct TargetState;
}  // namespace runtime

/// A name and its resolution, for a loop that sends to it often. NodeRuntime::target() makes one.
class Target {
 public:
  /// The alias or nodeId that it was made for; empty when there was no memory for it.
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  friend class Group;
  friend class NodeRuntime;
  std::string name_;
  std::shared_ptr<runtime::TargetState> state_;
  std::uint64_t version_ = 0;                    // of the copies below
  std::string prefix_;                           // what stands before the payload; empty while unresolved
  std::shared_ptr<runtime::SendCredit> credit_;  // of the peer, unless unresolved
};

}  // namespace distflow
