// The text of all nodes, kept ready to be listed: in pages, in the order of registration, that snapshots share.
//
// One thread.
//   1. Each node's text stands in one page, behind a comma: the pages, one behind the other and without the first
//      comma, are the inside of a JSON array.
//   2. A page that a snapshot or a queue holds is never written again: a change copies it first. Others are changed
//      in place.
//   3. A change costs at most the copying of a few pages, whatever the number of nodes. A snapshot costs a reference
//      to each page, and nothing while no node has changed since the last one.
//   4. A page has at most 32 KiB, or one node. One that has become small joins a neighbour that has room for it.
// Use: pages.append(entry.place, text); ... auto snapshot = pages.snapshot(); for (auto& page : snapshot->pages) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string_view>
#include <vector>

#include "base/chunk_pool.hpp"

namespace distflow::pmd {

/// The bytes of a page, and what keeps count of them. Immutable while anybody shares it.
struct PageText {
  PageText(std::size_t capacity, std::size_t& counted_in);
  PageText(const PageText&) = delete;
  PageText& operator=(const PageText&) = delete;
  ~PageText();

  base::ChunkRef chunk;
  std::size_t size = 0;
  std::size_t& total;  // bytes of memory of all texts
};

/// All nodes at one moment.
struct NodeSnapshot {
  std::vector<std::shared_ptr<const PageText>> pages;
  std::size_t size = 0;  // of all pages, the first comma included
};

class NodePages {
 public:
  class Page;
  /// Where a node's text stands. The owner of the node keeps it, at one address.
  struct Place {
    Page* page = nullptr;
    std::uint32_t slot = 0;
  };

  NodePages();
  ~NodePages();
  NodePages(const NodePages&) = delete;
  NodePages& operator=(const NodePages&) = delete;

  // Without memory these three throw std::bad_alloc, and have changed nothing.
  void append(Place& place, std::string_view text);
  void replace(Place& place, std::string_view text);
  void erase(Place& place);

  [[nodiscard]] std::shared_ptr<const NodeSnapshot> snapshot();
  /// Bytes of memory of pages that only snapshots hold.
  [[nodiscard]] std::size_t outdated_bytes() const { return total_ - current_; }

 private:
  using Pages = std::list<Page>;
  void edit(Page& page, std::size_t slot, std::string_view text);
  void split(Page& page);
  void merge_around(Page& page);
  void move_slots(Page& from, std::size_t first, Page& to);
  static void forget_gaps(Page& page);
  void remove(Page& page);
  [[nodiscard]] std::shared_ptr<PageText> make_text(std::size_t size);
  void set_text(Page& page, std::shared_ptr<PageText> text);

  std::size_t total_ = 0;
  std::size_t current_ = 0;  // of total_, those of pages_
  Pages pages_;
  std::shared_ptr<const NodeSnapshot> snapshot_;  // as long as nothing has changed
};

}  // namespace distflow::pmd
