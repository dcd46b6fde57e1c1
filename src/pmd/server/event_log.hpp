// The events for the watchers, each encoded once, and how far each watcher has come in them.
//
// One thread; pure except for the chunks that it leases.
//   1. Events are in the order they were appended. Those that lie together in a chunk are one segment.
//   2. A segment is kept until every watcher has taken it, or until bytes() would pass bytes_max: then the oldest go,
//      and a watcher that had not taken them is lost.
//   3. The newest segment is always kept. Without watchers nothing is.
//   4. An event may be for some kinds of watchers only: the others pass over it.
// Use: auto cursor = log.join(); log.append(frame); while (log.is_behind(cursor)) send(log.take(cursor));
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/assert.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::pmd {

/// The kinds of watchers, and sets of them.
enum class WatcherKind : std::uint8_t {
  typescript = 1,  ///< has said no hello, and reads no `rev`
  numbered = 2,    ///< reads `rev`, and knows joins and leaves alone
  grouped = 4,     ///< knows changes of groups, too
};
using WatcherKinds = std::uint8_t;
inline constexpr WatcherKinds kAllWatchers = 7;
[[nodiscard]] constexpr WatcherKinds only(WatcherKind kind) { return static_cast<WatcherKinds>(kind); }

class EventLog {
 public:
  /// What a watcher has taken: all segments before `segment`, and so much of that one.
  struct Cursor {
    std::uint64_t segment = 0;
    std::size_t bytes = 0;
    std::uint32_t frames = 0;
  };

  /// Bytes of a segment at most, unless one event is longer.
  [[nodiscard]] std::size_t segment_size_max() const { return segment_size_max_; }

  explicit EventLog(std::size_t bytes_max)
      : bytes_max_(bytes_max), segment_size_max_(std::min(kSegmentSizeMax, bytes_max / 4)) {
    segments_.emplace_back();
  }

  /// A watcher that is to be notified of what is appended from now on.
  [[nodiscard]] Cursor join() {
    Segment& newest = segments_.back();
    ++newest.readers;
    ++readers_;
    return {number_of_newest(), newest.bytes.size(), newest.frames};
  }
  void leave(const Cursor& cursor) {
    if (!is_lost(cursor)) --at(cursor.segment).readers;
    if (--readers_ > 0) return forget_taken();
    first_ += segments_.size();
    while (segments_.size() > 1) segments_.pop_front();
    segments_.front() = Segment{};  // in the memory of the last one
    bytes_ = 0;
  }

  /// `frame` is an event for watchers of those kinds. There must be a watcher.
  void append(const transport::EncodedFrame& frame, WatcherKinds kinds = kAllWatchers) {
    DF_ASSERT(readers_ > 0);
    Segment& newest = segments_.back();
    const bool goes_on = newest.chunk && newest.chunk.get() == frame.chunk && newest.kinds == kinds &&
                         newest.bytes.data() + newest.bytes.size() == frame.bytes.data() &&
                         newest.bytes.size() + frame.bytes.size() <= segment_size_max_;
    if (goes_on) {
      newest.bytes = {newest.bytes.data(), newest.bytes.size() + frame.bytes.size()};
      newest.frames += frame.count;
    } else {
      segments_.push_back({base::ChunkRef::share(*frame.chunk), frame.bytes, frame.count, 0, kinds});
    }
    bytes_ += frame.bytes.size();
    forget_taken();
    while (bytes_ > bytes_max_ && segments_.size() > 1) forget_oldest();
  }

  [[nodiscard]] bool is_lost(const Cursor& cursor) const { return cursor.segment < first_; }
  [[nodiscard]] bool is_behind(const Cursor& cursor) const {
    return cursor.segment < number_of_newest() || cursor.bytes < segments_.back().bytes.size();
  }

  /// What comes next for a watcher of that kind, of one segment; empty when all that is left is for others. Its lease
  /// is the log's, valid until the log changes. Only for a watcher that is behind and not lost.
  [[nodiscard]] transport::EncodedRun take(Cursor& cursor, WatcherKind kind = WatcherKind::grouped) {
    DF_ASSERT(!is_lost(cursor) && is_behind(cursor));
    while (cursor.bytes == at(cursor.segment).bytes.size() || (at(cursor.segment).kinds & only(kind)) == 0) {
      if (cursor.segment == number_of_newest()) {
        cursor.bytes = segments_.back().bytes.size();
        cursor.frames = segments_.back().frames;
        return {};
      }
      --at(cursor.segment).readers;
      cursor = {cursor.segment + 1, 0, 0};
      ++at(cursor.segment).readers;
      forget_taken();
    }
    const Segment& segment = at(cursor.segment);
    const transport::EncodedRun run{segment.chunk.get(), segment.bytes.substr(cursor.bytes),
                                    segment.frames - cursor.frames};
    cursor.bytes = segment.bytes.size();
    cursor.frames = segment.frames;
    return run;
  }

  /// Of all events kept.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kSegmentSizeMax = std::size_t{64} * 1024;

  struct Segment {
    base::ChunkRef chunk;
    std::string_view bytes;
    std::uint32_t frames = 0;
    std::size_t readers = 0;  // watchers whose cursor is here
    WatcherKinds kinds = 0;   // that it is for
  };

  [[nodiscard]] std::uint64_t number_of_newest() const { return first_ + segments_.size() - 1; }
  Segment& at(std::uint64_t number) { return segments_[static_cast<std::size_t>(number - first_)]; }

  void forget_taken() {
    while (segments_.size() > 1 && segments_.front().readers == 0) forget_oldest();
  }
  void forget_oldest() {
    bytes_ -= segments_.front().bytes.size();
    segments_.pop_front();
    ++first_;
  }

  const std::size_t bytes_max_;
  const std::size_t segment_size_max_;
  std::deque<Segment> segments_;  // never empty
  std::uint64_t first_ = 0;       // the number of the oldest
  std::size_t readers_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace distflow::pmd
