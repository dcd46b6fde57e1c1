#include "pmd/server/node_pages.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/room.hpp"

namespace distflow::pmd {
namespace {

constexpr std::size_t kPageSize = std::size_t{32} * 1024;
constexpr std::size_t kFirstSize = 512;
constexpr std::size_t kGapsMax = 16;  // slots without a node, beside as many as have one

}  // namespace

PageText::PageText(std::size_t capacity, std::size_t& counted_in)
    : chunk(base::ChunkRef::adopt(base::Chunk::allocate(capacity))), total(counted_in) {
  if (!chunk) throw std::bad_alloc();
  total += capacity;
}

PageText::~PageText() {
  if (chunk) total -= chunk->capacity();
}

class NodePages::Page {
 public:
  struct Slot {
    Place* place;  // null: the node is gone
    std::size_t size;
  };
  [[nodiscard]] std::size_t size() const { return text ? text->size : 0; }
  [[nodiscard]] std::size_t offset_of(std::size_t slot) const {
    std::size_t offset = 0;
    for (std::size_t i = 0; i < slot; ++i) offset += slots[i].size;
    return offset;
  }
  [[nodiscard]] bool may_be_written() const { return text.use_count() == 1 && text->chunk->is_sole_lease(); }

  Pages::iterator self;
  std::shared_ptr<PageText> text;
  std::vector<Slot> slots;
  std::size_t nodes = 0;  // slots that have one
};

NodePages::NodePages() = default;
NodePages::~NodePages() = default;

void NodePages::append(Place& place, std::string_view text) {
  Pages fresh;
  if (pages_.empty() || pages_.back().size() + text.size() + 1 > kPageSize) fresh.emplace_back();
  Page& page = fresh.empty() ? pages_.back() : fresh.back();
  const std::size_t slot = page.slots.size();
  page.slots.push_back({&place, 0});
  try {
    edit(page, slot, text);
  } catch (const std::bad_alloc&) {
    page.slots.pop_back();
    throw;
  }
  place = {&page, static_cast<std::uint32_t>(slot)};
  ++page.nodes;
  if (fresh.empty()) return;
  page.self = fresh.begin();
  pages_.splice(pages_.end(), fresh);
}

void NodePages::replace(Place& place, std::string_view text) {
  edit(*place.page, place.slot, text);
  if (place.page->size() <= kPageSize || place.page->nodes == 1) return;
  try {
    split(*place.page);
  } catch (const std::bad_alloc&) {  // it is split the next time
  }
}

void NodePages::erase(Place& place) {
  Page& page = *place.page;
  if (page.nodes > 1) {
    edit(page, place.slot, {});
  } else {
    snapshot_.reset();  // the page goes with its last node
  }
  place.page = nullptr;
  page.slots[place.slot].place = nullptr;
  --page.nodes;
  if (page.nodes == 0) return remove(page);
  if (page.slots.size() > 2 * page.nodes + kGapsMax) forget_gaps(page);
  if (page.size() >= kPageSize / 8) return;
  try {
    merge_around(page);
  } catch (const std::bad_alloc&) {  // it stays small
  }
}

/// Has `text` stand in the slot, behind a comma; nothing at all when it is empty.
void NodePages::edit(Page& page, std::size_t slot, std::string_view text) {
  snapshot_.reset();
  const std::size_t at = page.offset_of(slot);
  const std::size_t old_size = page.slots[slot].size;
  const std::size_t new_size = text.empty() ? 0 : text.size() + 1;
  const std::size_t rest = page.size() - at - old_size;
  const std::size_t size = at + new_size + rest;
  const bool in_place = page.text && page.may_be_written() && size <= page.text->chunk->capacity();
  const std::shared_ptr<PageText> before = page.text;
  if (!in_place) {
    set_text(page, make_text(size));
    if (at > 0) std::memcpy(page.text->chunk->data(), before->chunk->data(), at);
  }
  char* const data = page.text->chunk->data();
  if (rest > 0) std::memmove(data + at + new_size, before->chunk->data() + at + old_size, rest);
  if (new_size > 0) {
    data[at] = ',';
    std::memcpy(data + at + 1, text.data(), text.size());
  }
  page.text->size = size;
  page.slots[slot].size = new_size;
}

/// Moves the second half of the nodes to a page of their own, and so on until each has the size of one.
void NodePages::split(Page& page) {
  const auto behind = pages_.emplace(std::next(page.self));
  behind->self = behind;
  try {
    move_slots(page, page.slots.size() / 2, *behind);
  } catch (const std::bad_alloc&) {
    pages_.erase(behind);
    throw;
  }
  for (Page* half : {&page, &*behind}) {
    if (half->nodes == 0) {
      remove(*half);
    } else if (half->size() > kPageSize && half->nodes > 1) {
      split(*half);
    }
  }
}

void NodePages::merge_around(Page& page) {
  const auto fits = [&](const Page& other) { return other.size() + page.size() <= kPageSize / 2; };
  if (const auto next = std::next(page.self); next != pages_.end() && fits(*next)) {
    move_slots(*next, 0, page);
    remove(*next);
  } else if (page.self != pages_.begin() && fits(*std::prev(page.self))) {
    move_slots(page, 0, *std::prev(page.self));
    remove(page);
  }
}

/// Moves the nodes from slot `first` on to the end of `to`.
void NodePages::move_slots(Page& from, std::size_t first, Page& to) {
  const std::size_t at = from.offset_of(first);
  const std::size_t moved = from.size() - at;
  const std::shared_ptr<PageText> source = from.text;
  const std::shared_ptr<PageText> before = to.text;
  base::make_room(to.slots, to.slots.size() + from.slots.size() - first);
  std::shared_ptr<PageText> joined = make_text(to.size() + moved);
  if (before) std::memcpy(joined->chunk->data(), before->chunk->data(), before->size);
  std::memcpy(joined->chunk->data() + to.size(), source->chunk->data() + at, moved);
  joined->size = to.size() + moved;
  std::shared_ptr<PageText> left = make_text(at);
  std::memcpy(left->chunk->data(), source->chunk->data(), at);
  left->size = at;
  set_text(to, std::move(joined));
  set_text(from, std::move(left));
  for (std::size_t i = first; i < from.slots.size(); ++i) {
    const Page::Slot slot = from.slots[i];
    if (slot.place == nullptr) continue;
    *slot.place = {&to, static_cast<std::uint32_t>(to.slots.size())};
    to.slots.push_back(slot);
    ++to.nodes;
    --from.nodes;
  }
  from.slots.resize(first);
}

void NodePages::forget_gaps(Page& page) {
  std::erase_if(page.slots, [](const Page::Slot& slot) { return slot.place == nullptr; });
  for (std::size_t i = 0; i < page.slots.size(); ++i) page.slots[i].place->slot = static_cast<std::uint32_t>(i);
}

void NodePages::remove(Page& page) {
  DF_ASSERT(page.nodes == 0);
  set_text(page, nullptr);
  pages_.erase(page.self);
}

std::shared_ptr<PageText> NodePages::make_text(std::size_t size) {
  // With room for more, as most pages grow; not for those that are one large node.
  const std::size_t capacity = size >= kPageSize ? size : std::bit_ceil(std::max(size, kFirstSize));
  return std::make_shared<PageText>(capacity, total_);
}

void NodePages::set_text(Page& page, std::shared_ptr<PageText> text) {
  if (page.text) current_ -= page.text->chunk->capacity();
  if (text) current_ += text->chunk->capacity();
  page.text = std::move(text);
}

std::shared_ptr<const NodeSnapshot> NodePages::snapshot() {
  if (snapshot_) return snapshot_;
  auto taken = std::make_shared<NodeSnapshot>();
  taken->pages.reserve(pages_.size());
  for (const Page& page : pages_) {
    if (page.size() == 0) continue;
    taken->pages.push_back(page.text);
    taken->size += page.size();
  }
  snapshot_ = taken;
  return snapshot_;
}

}  // namespace distflow::pmd
