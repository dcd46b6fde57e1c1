#include "runtime/counters/drop_log.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <new>
#include <string>

#include "base/error_text.hpp"
#include "runtime/counters/traffic.hpp"

namespace distflow::runtime {
namespace {

using base::LogLevel;

/// The most names in a line, and the most bytes of each.
constexpr std::size_t kNamesMax = 10;
constexpr std::size_t kNameSizeMax = 48;

/// The first counts messages whose verdict was "queued", the second those whose verdict was the refusal.
constexpr const char* kUnresolved = "dropped_unresolved or refused_unresolved";

/// Text of a bounded size; the rest is cut off.
class ShortText {
 public:
  void append(std::string_view text) { size_ += text.copy(text_.data() + size_, text_.size() - 1 - size_); }
  /// Cuts a long name between two code points.
  void append_quoted(std::string_view name) {
    std::size_t size = std::min(name.size(), kNameSizeMax);
    while (size > 0 && size < name.size() && (static_cast<unsigned char>(name[size]) & 0xC0U) == 0x80) --size;
    append("\"");
    append(name.substr(0, size));
    append(name.size() > kNameSizeMax ? "...\"" : "\"");
  }
  [[nodiscard]] const char* c_str() const { return text_.data(); }

 private:
  std::array<char, 640> text_{};
  std::size_t size_ = 0;
};

/// `"ping", "pong" and 3 more`: those that a name could have been meant for.
ShortText list(const NodeNames& names) {
  ShortText text;
  std::array<std::string_view, kNamesMax> first;
  const std::size_t count = names.first_names(first);
  for (std::size_t i = 0; i < std::min(count, kNamesMax); ++i) {
    if (i > 0) text.append(", ");
    text.append_quoted(first.at(i));
  }
  if (count == 0) text.append("nobody else");
  if (count > kNamesMax) {
    text.append(" and ");
    text.append(std::to_string(count - kNamesMax));  // short enough to need no memory
    text.append(" more");
  }
  return text;
}

ShortText describe(const Attempt& attempt) {
  ShortText text;
  text.append(" at ");
  text.append(attempt.host);
  text.append(":");
  text.append(std::to_string(attempt.port));
  try {
    const base::ErrorText why(attempt.why);
    text.append(" (");
    text.append(why.c_str());
    text.append(")");
  } catch (const std::bad_alloc&) {  // the line goes without
  }
  return text;
}

const char* messages(std::uint64_t count) { return count == 1 ? "message" : "messages"; }

}  // namespace

DropLog::Reason DropLog::reason_of(Counter SendCounters::*counter) {
  using Out = SendCounters;
  if (counter == &Out::dropped_unreachable) return {1 << 0, "it cannot be reached", "dropped_unreachable"};
  if (counter == &Out::dropped_connection_lost) {
    return {1 << 1, "the connection broke with them in it", "dropped_connection_lost"};
  }
  if (counter == &Out::dropped_peer_left) return {1 << 2, "it has left the registry", "dropped_peer_left"};
  if (counter == &Out::dropped_queue_full) return {1 << 3, "there was no memory to queue it", "dropped_queue_full"};
  if (counter == &Out::dropped_unresolved) return {1 << 4, "it was not known in time", "dropped_unresolved"};
  return {1 << 5, "of the shutdown", "dropped_shutdown"};
}

DropLog::Reason DropLog::reason_of(Counter PeerCounters::*counter) {
  using In = PeerCounters;
  if (counter == &In::dropped_mailbox_newest) {
    return {1 << 6, "the mailbox is full, and what comes is dropped", "dropped_mailbox_newest"};
  }
  if (counter == &In::dropped_mailbox_oldest) {
    return {1 << 7, "the mailbox is full, and the oldest make room", "dropped_mailbox_oldest"};
  }
  if (counter == &In::dropped_unsubscribed) {
    return {1 << 9, "this node does not subscribe to their topic", "dropped_unsubscribed"};
  }
  return {1 << 8, "their connection ended before the mailbox had room", "dropped_shutdown"};
}

DropLog::Reason DropLog::reason_of(NoPeer why) {
  switch (why) {
    case NoPeer::unknown: return {1 << 0, "no node has that name", kUnresolved};
    case NoPeer::unanswered: return {1 << 1, "no PMD has said in time who that is", kUnresolved};
    case NoPeer::too_many: return {1 << 2, "too many wait already to learn who that is", kUnresolved};
    case NoPeer::left: return {1 << 3, "the node of that name has left", "dropped_peer_left"};
    case NoPeer::no_place: return {1 << 4, "targets_max other names are in use", kUnresolved};
  }
  return {};
}

/// Whether a line may be written, and at which level. A warning that is over the rate may be written next time.
bool DropLog::admits(std::uint16_t& told, std::uint16_t bit, LogLevel& level) {
  const bool is_first = (told & bit) == 0;
  level = is_first ? LogLevel::warn : LogLevel::debug;
  if (!log_.is_enabled(level)) return false;
  const auto left_out = (is_first ? warnings_ : debug_lines_).admit(reactor_.now());
  if (!left_out) return false;
  told |= bit;
  if (*left_out > 0) log_.write(level, "%" PRIu64 " lines about dropped messages were left out before", *left_out);
  return true;
}

void DropLog::write(LogLevel level, std::uint64_t count, const char* direction, const Traffic& peer,
                    const Reason& reason, const char* detail) const {
  ShortText name;
  if (const std::string_view alias = names_.alias_on_loop(peer.node_id); !alias.empty()) {
    name.append_quoted(alias);
    name.append(", ");
  }
  log_.write(level, "%" PRIu64 " %s %s %snode %s dropped: %s%s; stats() counts more as %s", count, messages(count),
             direction, name.c_str(), peer.node_id.c_str(), reason.text, detail, reason.counter);
}

void DropLog::tell_sent(Traffic& peer, Counter SendCounters::*reason, std::uint64_t count,
                        const Attempt* attempt) noexcept {
  if (count == 0 || (is_shutting_down_ && reason == &SendCounters::dropped_shutdown)) return;
  const Reason told = reason_of(reason);
  LogLevel level{};
  if (!admits(peer.told, told.bit, level)) return;
  write(level, count, "to", peer, told, attempt != nullptr ? describe(*attempt).c_str() : "");
}

void DropLog::tell_no_room(Traffic& peer, std::uint64_t count) noexcept {
  constexpr Reason reason{1 << 9, "its queue is full", "dropped_queue_full"};
  LogLevel level{};
  if (count > 0 && admits(peer.told, reason.bit, level)) write(level, count, "to", peer, reason, "");
}

void DropLog::tell_received(Traffic& peer, Counter PeerCounters::*reason, std::uint64_t count) noexcept {
  if (count == 0 || (is_shutting_down_ && reason == &PeerCounters::dropped_shutdown)) return;
  const Reason told = reason_of(reason);
  LogLevel level{};
  if (admits(peer.told, told.bit, level)) write(level, count, "of", peer, told, "");
}

void DropLog::tell_unresolved(std::string_view name, std::uint16_t& told, NoPeer why, std::uint64_t count) noexcept {
  if (count == 0) return;
  const Reason reason = reason_of(why);
  LogLevel level{};
  if (!admits(told, reason.bit, level)) return;
  ShortText quoted;
  quoted.append_quoted(name);
  log_.write(level, "%" PRIu64 " %s to %s dropped: %s; stats() counts more as %s. There are: %s", count,
             messages(count), quoted.c_str(), reason.text, reason.counter, list(names_).c_str());
}

}  // namespace distflow::runtime
