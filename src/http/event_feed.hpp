// The events of all streams: each is kept once, until every stream has taken it or the feed has no more room.
//
// Loop thread only.
//   1. Bytes of the feed never move and never change. A stream may send from a slice that it has taken, as long as it
//      holds that slice.
//   2. The feed keeps at most `bytes_max` bytes of memory, or the last event. The oldest go first: a cursor before them
//      is lost.
//   3. take() and forget_until() need no memory.
// Use: feed.append(text); ... if (feed.is_lost(cursor)) ...; std::size_t count = feed.take(cursor, slices);
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace distflow::http {

class EventFeed {
 public:
  /// How many bytes were appended before the next one that its reader takes.
  using Cursor = std::uint64_t;
  /// Bytes that stand one behind the other, and what keeps them.
  struct Slice {
    std::shared_ptr<const std::string> keeper;
    std::string_view bytes;
  };

  explicit EventFeed(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  /// May throw std::bad_alloc, and has appended nothing then.
  void append(std::string_view text);
  /// Behind all that was appended.
  [[nodiscard]] Cursor end() const { return end_; }
  [[nodiscard]] bool is_lost(Cursor cursor) const { return !blocks_.empty() && cursor < blocks_.front().begin; }
  /// Fills in the next slices of a cursor that is not lost, and moves it behind them. How many there were.
  std::size_t take(Cursor& cursor, std::span<Slice> slices);
  /// What is before the cursor is not needed any more.
  void forget_until(Cursor cursor);
  /// There are no readers: gives back its memory.
  void clear();
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  static constexpr std::size_t kBlockSize = std::size_t{64} * 1024;

  struct Block {
    Cursor begin;
    std::shared_ptr<std::string> text;  // never grows beyond its capacity
  };

  void drop_first();

  const std::size_t bytes_max_;
  std::deque<Block> blocks_;
  Cursor end_ = 0;
  std::size_t bytes_ = 0;  // of memory
};

}  // namespace distflow::http
