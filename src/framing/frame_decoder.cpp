#include "framing/frame_decoder.hpp"

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

namespace distflow::framing {
namespace {

constexpr std::size_t kFirstBlockSize = 1024;
/// What is worth a receive of its own into its place, rather than one that brings the frames behind it as well.
constexpr std::size_t kPlaceSizeMin = std::size_t{16} * 1024;

/// Whether there was memory for it; if not, `element` is as it was.
template <class T>
bool try_append(std::vector<T>& to, std::type_identity_t<T>&& element) {
  try {
    to.push_back(std::move(element));
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

void FrameDecoder::feed(base::Chunk& chunk, std::string_view bytes) {
  if (bytes.empty() || verdict_ != Next::need_more) return;
  size_expected_ = 0;
  if (&chunk == block_.get()) {
    DF_ASSERT(bytes.data() == block_->data() + assembled_ && bytes.size() <= block_->capacity() - assembled_);
    DF_ASSERT(available() == 0 && !has_waiting());
    assembled_ += bytes.size();
  } else if (available() == 0 && !lease_ && !has_waiting()) {
    open_slice(chunk, bytes);
  } else {
    queue(chunk, bytes);
  }
}

void FrameDecoder::queue(base::Chunk& chunk, std::string_view bytes) {
  const base::ChunkRef copy = rests_ == Rests::copied ? copy_of(bytes) : base::ChunkRef();
  if (copy) return queue_slice(*copy, {copy->data(), bytes.size()});
  queue_slice(chunk, bytes);
}

void FrameDecoder::queue_slice(base::Chunk& chunk, std::string_view bytes) {
  const char* end = bytes.data() + bytes.size();
  if (has_waiting() && lists_->waiting.back().chunk.get() == &chunk && lists_->waiting.back().end == bytes.data()) {
    lists_->waiting.back().end = end;
  } else if (!make_lists() || !try_append(lists_->waiting, Slice{base::ChunkRef::share(chunk), bytes.data(), end})) {
    end_stream(Next::out_of_memory);
  }
}

bool FrameDecoder::make_lists() {
  if (!lists_) lists_.reset(new (std::nothrow) Lists);
  return lists_ != nullptr;
}

/// Keeps a chunk until the run's end; without memory it is where it was.
bool FrameDecoder::give_later(base::ChunkRef& chunk) {
  return make_lists() && try_append(lists_->given, std::move(chunk));
}

void FrameDecoder::end_run() {
  if (lists_) lists_->given.clear();
  if (available() == 0) {
    close_slice();
  } else if (!lease_) {
    keep_unread();
  }
}

void FrameDecoder::discard_unread() {
  DF_ASSERT(header_size_ == 0 || verdict_ != Next::need_more);
  cursor_ = direct_end_ = slice_end_;
  if (lists_) lists_->waiting.clear();
}

std::size_t FrameDecoder::unread_size() const {
  std::size_t size = available();
  if (!lists_) return size;
  for (const Slice& slice : lists_->waiting) size += static_cast<std::size_t>(slice.end - slice.begin);
  return size;
}

std::size_t FrameDecoder::charged_size() const {
  std::size_t size = lease_ ? lease_->capacity() : 0;
  if (block_) {
    const bool is_of_pool = block_->home() != nullptr;
    size += is_of_pool ? block_->capacity() : std::min(block_->capacity(), std::max(kFirstBlockSize, 2 * assembled_));
  }
  if (!lists_) return size;
  for (const Slice& slice : lists_->waiting) size += slice.chunk->capacity();
  return size;
}

FrameDecoder::Place FrameDecoder::place() {
  if (verdict_ != Next::need_more || !block_ || available() != 0 || has_waiting()) return {};
  const std::size_t rest = body_size() - assembled_;
  if (rest < kPlaceSizeMin) return {};
  // Without memory for more, whatever comes next meets that, and says so.
  if (assembled_ == block_->capacity() && !make_room(assembled_ + 1)) return {};
  return {block_.get(), {block_->data() + assembled_, std::min(rest, block_->capacity() - assembled_)}};
}

FrameDecoder::Next FrameDecoder::next_slowly(Frame& out) {
  while (verdict_ == Next::need_more) {
    if (assemble(out) == Next::frame) return Next::frame;
    if (!open_next_slice()) break;
  }
  return verdict_;
}

/// Goes on with the incomplete frame, or begins one. Says need_more only when the slice is used up.
FrameDecoder::Next FrameDecoder::assemble(Frame& out) {
  if (!take_header()) return Next::need_more;
  const std::size_t size = body_size();
  if (size > frame_size_max_) return end_stream(Next::too_long);
  if (assembled_ == 0 && size <= available()) {
    cursor_ += size;
    return give(out, cursor_ - size, *chunk_);
  }
  const std::size_t taken = std::min(size - assembled_, available());
  if (taken > 0) {
    if (!make_room(assembled_ + taken)) return end_stream(Next::out_of_memory);
    std::memcpy(block_->data() + assembled_, cursor_, taken);
    cursor_ += taken;
    assembled_ += taken;
  }
  if (assembled_ < size) return Next::need_more;
  base::Chunk& block = *block_;
  if (!give_later(block_)) return end_stream(Next::out_of_memory);
  if (available() == 0) size_expected_ = body_size();
  return give(out, block.data(), block);
}

/// Whether the header is complete.
bool FrameDecoder::take_header() {
  while (header_size_ < kHeaderSize && cursor_ != slice_end_) header_[header_size_++] = *cursor_++;
  return header_size_ == kHeaderSize;
}

FrameDecoder::Next FrameDecoder::give(Frame& out, const char* body, base::Chunk& chunk) {
  out = {{body, body_size()}, &chunk};
  header_size_ = 0;
  assembled_ = 0;
  direct_end_ = slice_end_;
  return Next::frame;
}

/// Whether the block now has room for `size` bytes of the frame's body, those that it holds already among them.
bool FrameDecoder::make_room(std::size_t size) {
  const std::size_t whole = body_size();
  if (!block_ && whole <= blocks_.chunk_size()) block_ = blocks_.try_lease();
  if (block_ && size <= block_->capacity()) return true;
  base::ChunkRef larger = whole > blocks_.chunk_size() ? blocks_.large().lease_kept(whole) : base::ChunkRef();
  const std::size_t capacity = std::min(whole, std::max(kFirstBlockSize, kReserve * size));
  if (!larger && capacity == whole && whole > blocks_.chunk_size()) larger = blocks_.large().lease(whole);
  if (!larger) larger = base::ChunkRef::adopt(base::Chunk::allocate(capacity));
  if (!larger) return false;
  if (block_) std::memcpy(larger->data(), block_->data(), assembled_);
  block_ = std::move(larger);
  return true;
}

/// Drops all that has not been given; what has been stays until the run ends.
FrameDecoder::Next FrameDecoder::end_stream(Next reason) {
  verdict_ = reason;
  cursor_ = direct_end_ = slice_end_;
  header_size_ = 0;  // announced() still reads the header
  assembled_ = 0;
  block_.reset();
  if (lists_) lists_->waiting.clear();
  return reason;
}

/// Whether there is a next slice: it becomes the one being read. Only after all of the present one is used.
bool FrameDecoder::open_next_slice() {
  if (!has_waiting()) return false;
  if (lease_ && !give_later(lease_)) {
    end_stream(Next::out_of_memory);
    return false;
  }
  Slice slice = std::move(lists_->waiting.front());
  lists_->waiting.erase(lists_->waiting.begin());
  lease_ = std::move(slice.chunk);
  open_slice(*lease_, {slice.begin, slice.end});
  return true;
}

void FrameDecoder::open_slice(base::Chunk& chunk, std::string_view bytes) {
  chunk_ = &chunk;
  cursor_ = bytes.data();
  slice_end_ = bytes.data() + bytes.size();
  direct_end_ = header_size_ == 0 ? slice_end_ : cursor_;
}

void FrameDecoder::close_slice() {
  lease_.reset();
  chunk_ = nullptr;
  cursor_ = direct_end_ = slice_end_ = nullptr;
}

/// Takes over the rest of the slice that the caller fed and is about to give up.
void FrameDecoder::keep_unread() {
  const std::size_t size = available();
  const bool is_small = size <= blocks_.chunk_size() && chunk_->capacity() > blocks_.chunk_size();
  if (is_small || rests_ == Rests::copied) lease_ = copy_of({cursor_, size});
  if (lease_) {
    open_slice(*lease_, {lease_->data(), size});
  } else {
    lease_ = base::ChunkRef::share(*chunk_);
  }
}

/// Nothing where there is no memory for it: a block if they fit one, and else a chunk of their size for Rests::copied.
base::ChunkRef FrameDecoder::copy_of(std::string_view bytes) const {
  base::ChunkRef copy = bytes.size() <= blocks_.chunk_size() ? blocks_.try_lease() : base::ChunkRef();
  if (!copy && rests_ == Rests::copied) copy = base::ChunkRef::adopt(base::Chunk::allocate(bytes.size()));
  if (copy) std::memcpy(copy->data(), bytes.data(), bytes.size());
  return copy;
}

}  // namespace distflow::framing
