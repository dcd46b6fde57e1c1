// Cuts a stream of bytes, fed in slices of chunks, into frames: in place wherever a frame lies together.
//
// One thread, the connection's. Work is done in runs: feed, take frames with next(), end the run.
//   1. The frames depend on the bytes alone, never on how they were cut into slices.
//   2. A frame whose body lies wholly in one slice is given where it lies. Any other is put together in a block of the
//      decoder's own, each byte copied once (and again when a large block has grown).
//   3. Frames given in a run stay valid until end_run(). Until then the caller keeps its lease of the chunk it fed.
//   4. Between runs a decoder keeps the bytes of an incomplete frame and what the caller left unread, nothing else: at
//      the end of a frame it owns no block.
//   5. The block of an incomplete frame comes from the pool if the frame fits a block and one is free. Otherwise it is
//      one of the pool's large chunks that is kept already and of the frame's size; else new memory, of at most 1 KiB
//      or kReserve times the bytes of the frame that came, of which no more is touched than came. What is announced
//      costs nothing.
//   6. A frame longer than the limit ends the stream, and so does the lack of memory: next() reports it from then on.
//   7. What is left unread is kept at end_run(), and is bounded by what the caller goes on feeding: small rests are
//      copied into a block, larger ones lease their chunk, or are copied, too, for Rests::copied, as far as there is
//      memory. charged_size() reports the memory so kept.
//   8. The rest of a large frame may be received straight into place(): feed() knows it there, and copies nothing.
// Use: decoder.feed(chunk, bytes);
//      while (wants_more && (next = decoder.next(frame)) == FrameDecoder::Next::frame) take(frame);
//      decoder.end_run();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/chunk_pool.hpp"
#include "framing/frame.hpp"

namespace distflow::framing {

class FrameDecoder {
 public:
  enum class Next {
    frame,          ///< A frame was given.
    need_more,      ///< All that was fed is used; the next frame is incomplete.
    too_long,       ///< The next frame announces more than the limit: announced() bytes. Stays so.
    out_of_memory,  ///< No memory to keep what came. Stays so.
  };

  /// What is done with an unread rest that is too large for a block, or finds none.
  enum class Rests : std::uint8_t { leased, copied };

  /// `blocks` serves incomplete frames that fit one of its chunks; it must outlive the decoder and all its frames.
  FrameDecoder(std::uint32_t frame_size_max, base::ChunkPool& blocks, Rests rests = Rests::leased)
      : frame_size_max_(frame_size_max), blocks_(blocks), rests_(rests) {}
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;

  /// `bytes`, which lie in `chunk`, come next in the stream. Behind an unread rest they wait, and lease `chunk`.
  void feed(base::Chunk& chunk, std::string_view bytes);

  /// The next frame of what was fed and not yet read. A frame may be empty.
  [[nodiscard]] Next next(Frame& out) {
    const auto available = static_cast<std::size_t>(direct_end_ - cursor_);
    if (available >= kHeaderSize) [[likely]] {
      const std::uint32_t size = read_header(cursor_);
      if (size <= frame_size_max_ && size <= available - kHeaderSize) [[likely]] {
        out = {{cursor_ + kHeaderSize, size}, chunk_};
        cursor_ += kHeaderSize + size;
        return Next::frame;
      }
    }
    return next_slowly(out);
  }

  /// Forgets what was fed and not read, between two frames: it was none of this stream's.
  void discard_unread();

  /// Ends the run: keeps what is unread for later runs, and gives back whatever held the frames given.
  /// After it the caller may give up its lease of the chunk it fed. A later run begins with feed() or next().
  void end_run();

  /// Where the bytes that come next are wanted. Valid until the next call that is not const.
  struct Place {
    base::Chunk* chunk = nullptr;
    std::span<char> room{};
  };
  /// Between runs: the room for the rest of a large frame under way; empty where there is none, or not much left.
  Place place();
  /// Between runs: the size of the frame that the run's last bytes completed, if it was put together in a block of its
  /// own size: the next one may be as large. Else 0.
  [[nodiscard]] std::uint32_t size_expected() const { return size_expected_; }

  /// The length that next() refused as too_long.
  [[nodiscard]] std::uint32_t announced() const { return body_size(); }

  /// Bytes fed, not yet read, that next() can go on with.
  [[nodiscard]] std::size_t unread_size() const;
  /// The header of the incomplete frame, as far as it has come.
  [[nodiscard]] std::string_view partial_header() const { return {header_.data(), header_size_}; }
  /// Bytes of the incomplete frame that have come, its header included.
  [[nodiscard]] std::size_t partial_size() const { return header_size_ + assembled_; }
  /// Bytes of memory that this decoder keeps: its block, as far as it may have been touched, and the chunks and blocks
  /// of what is unread.
  [[nodiscard]] std::size_t charged_size() const;

 private:
  static constexpr std::size_t kReserve = 16;

  struct Slice {
    base::ChunkRef chunk;
    const char* begin;
    const char* end;
  };

  /// What there is at times only; made when it is first wanted, for an idle connection is to be small.
  struct Lists {
    std::vector<Slice> waiting;         // behind the slice being read
    std::vector<base::ChunkRef> given;  // what holds frames given in this run, beside the chunk fed
  };

  bool make_lists();
  [[nodiscard]] bool has_waiting() const { return lists_ && !lists_->waiting.empty(); }
  bool give_later(base::ChunkRef& chunk);
  Next next_slowly(Frame& out);
  Next assemble(Frame& out);
  Next give(Frame& out, const char* body, base::Chunk& chunk);
  Next end_stream(Next reason);
  bool take_header();
  bool make_room(std::size_t size);
  bool open_next_slice();
  void open_slice(base::Chunk& chunk, std::string_view bytes);
  void close_slice();
  void queue(base::Chunk& chunk, std::string_view bytes);
  void queue_slice(base::Chunk& chunk, std::string_view bytes);
  void keep_unread();
  [[nodiscard]] base::ChunkRef copy_of(std::string_view bytes) const;
  [[nodiscard]] std::uint32_t body_size() const { return read_header(header_.data()); }
  [[nodiscard]] std::size_t available() const { return static_cast<std::size_t>(slice_end_ - cursor_); }

  const std::uint32_t frame_size_max_;
  Next verdict_ = Next::need_more;  // too_long or out_of_memory once the stream has ended
  base::ChunkPool& blocks_;

  // The slice being read. next() goes up to direct_end_ by itself: slice_end_ between frames, cursor_ in one.
  const char* cursor_ = nullptr;
  const char* direct_end_ = nullptr;
  const char* slice_end_ = nullptr;
  base::Chunk* chunk_ = nullptr;
  base::ChunkRef lease_;  // of chunk_, when the slice was kept from an earlier run

  // The incomplete frame: its header as far as it came, then its body.
  std::array<char, kHeaderSize> header_{};
  std::uint32_t header_size_ = 0;
  std::size_t assembled_ = 0;
  base::ChunkRef block_;
  std::uint32_t size_expected_ = 0;
  const Rests rests_;

  std::unique_ptr<Lists> lists_;
};

}  // namespace distflow::framing
