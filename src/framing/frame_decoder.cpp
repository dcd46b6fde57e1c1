#include "framing/frame_decoder.hpp"

#include <algorithm>
#include <new>
#include <type_traits>
#include <utility>

namespace distflow::framing {
namespace {

constexpr std::size_t kFirstBlockSize = 1024;

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
  if (available() == 0 && !lease_ && waiting_.empty()) {
    open_slice(chunk, bytes);
  } else {
    queue(chunk, bytes);
  }
}

void FrameDecoder::queue(base::Chunk& chunk, std::string_view bytes) {
  const char* end = bytes.data() + bytes.size();
  if (!waiting_.empty() && waiting_.back().chunk.get() == &chunk && waiting_.back().end == bytes.data()) {
    waiting_.back().end = end;
  } else if (!try_append(waiting_, Slice{base::ChunkRef::share(chunk), bytes.data(), end})) {
    end_stream(Next::out_of_memory);
  }
}

void FrameDecoder::end_run() {
  given_.clear();
  if (available() == 0) {
    close_slice();
  } else if (!lease_) {
    keep_unread();
  }
}

void FrameDecoder::discard_unread() {
  DF_ASSERT(header_size_ == 0 || verdict_ != Next::need_more);
  cursor_ = direct_end_ = slice_end_;
  waiting_.clear();
}

std::size_t FrameDecoder::unread_size() const {
  std::size_t size = available();
  for (const Slice& slice : waiting_) size += static_cast<std::size_t>(slice.end - slice.begin);
  return size;
}

std::size_t FrameDecoder::charged_size() const {
  std::size_t size = (block_ ? block_->capacity() : 0) + (lease_ ? lease_->capacity() : 0);
  for (const Slice& slice : waiting_) size += slice.chunk->capacity();
  return size;
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
  if (taken == 0) return Next::need_more;
  if (!make_room(assembled_ + taken)) return end_stream(Next::out_of_memory);
  std::memcpy(block_->data() + assembled_, cursor_, taken);
  cursor_ += taken;
  assembled_ += taken;
  if (assembled_ < size) return Next::need_more;
  base::Chunk& block = *block_;
  if (!try_append(given_, std::move(block_))) return end_stream(Next::out_of_memory);
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

/// Whether the block now holds `size` bytes of the frame's body, those that it held already among them.
bool FrameDecoder::make_room(std::size_t size) {
  if (!block_ && body_size() <= blocks_.chunk_size()) block_ = blocks_.try_lease();
  if (block_ && size <= block_->capacity()) return true;
  const std::size_t capacity = std::min<std::size_t>(body_size(), std::max(kFirstBlockSize, 2 * size));
  auto larger = base::ChunkRef::adopt(base::Chunk::allocate(capacity));
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
  waiting_.clear();
  return reason;
}

/// Whether there is a next slice: it becomes the one being read. Only after all of the present one is used.
bool FrameDecoder::open_next_slice() {
  if (waiting_.empty()) return false;
  if (lease_ && !try_append(given_, std::move(lease_))) {
    end_stream(Next::out_of_memory);
    return false;
  }
  Slice slice = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
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
  lease_ = is_small ? blocks_.try_lease() : base::ChunkRef();
  if (lease_) {
    std::memcpy(lease_->data(), cursor_, size);
    open_slice(*lease_, {lease_->data(), size});
  } else {
    lease_ = base::ChunkRef::share(*chunk_);
  }
}

}  // namespace distflow::framing
