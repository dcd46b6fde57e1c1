#include "http/event_feed.hpp"

#include <algorithm>
#include <utility>

namespace distflow::http {

void EventFeed::append(std::string_view text) {
  const bool fits = !blocks_.empty() && blocks_.back().text->size() + text.size() <= blocks_.back().text->capacity();
  if (!fits) {
    auto block = std::make_shared<std::string>();
    block->reserve(std::max(kBlockSize, text.size()));
    blocks_.push_back({end_, std::move(block)});
    bytes_ += blocks_.back().text->capacity();
    while (bytes_ > bytes_max_ && blocks_.size() > 1) drop_first();
  }
  blocks_.back().text->append(text);
  end_ += text.size();
}

std::size_t EventFeed::take(Cursor& cursor, std::span<Slice> slices) {
  std::size_t count = 0;
  const auto is_behind = [](Cursor at, const Block& block) { return at < block.begin; };
  auto next = std::upper_bound(blocks_.begin(), blocks_.end(), cursor, is_behind);
  if (next != blocks_.begin()) --next;
  for (; next != blocks_.end() && count < slices.size(); ++next) {
    const std::string_view bytes = std::string_view(*next->text).substr(cursor - next->begin);
    if (bytes.empty()) continue;
    slices[count++] = {next->text, bytes};
    cursor += bytes.size();
  }
  return count;
}

void EventFeed::forget_until(Cursor cursor) {
  // The last block has room for what comes.
  while (blocks_.size() > 1 && blocks_[1].begin <= cursor) drop_first();
}

void EventFeed::clear() {
  blocks_.clear();
  bytes_ = 0;
}

void EventFeed::drop_first() {
  bytes_ -= blocks_.front().text->capacity();
  blocks_.pop_front();
}

}  // namespace distflow::http
