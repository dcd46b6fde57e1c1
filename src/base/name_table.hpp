// NameTable: elements by one of their names, in a hash table whose links live in the elements.
//
// One thread. The table neither owns the elements nor keeps their names.
//   1. No two elements of the same name are in; the name of an element does not change while it is in.
//   2. Only make_room() needs memory: 8 bytes an element, or up to 16. All else cannot fail.
//   3. The time to find, insert or erase does not depend on the number of elements. Names are hashed under a key that
//      no other process knows: strangers choose the names, and must not choose which ones collide.
// Use: NameTable<Peer, PeerById> by_id(hash); by_id.make_room(); by_id.insert(peer); by_id.find("7021c0138e13d26a");
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/sip_hash.hpp"

namespace distflow::base {

/// Where an element has its name, and the link to the next one of its bucket.
template <class Key, class T>
concept NameKey = requires(T& element) {
  { Key::name(element) } -> std::convertible_to<std::string_view>;
  { Key::next(element) } -> std::same_as<T*&>;
};

template <class T, NameKey<T> Key>
class NameTable {
 public:
  explicit NameTable(const SipHash& hash) : hash_(hash) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  /// Null when there is none.
  [[nodiscard]] T* find(std::string_view name) const {
    T* element = buckets_[bucket_of(name)];
    while (element != nullptr && Key::name(*element) != name) element = Key::next(*element);
    return element;
  }

  /// Makes room for one more element. May throw std::bad_alloc, and then changes nothing.
  void make_room() {
    if (size_ == buckets_.size()) grow();
  }

  /// There must be room, and no element of that name.
  void insert(T& element) {
    DF_ASSERT(size_ < buckets_.size());
    ++size_;
    put(element);
  }

  /// The element must be in.
  void erase(T& element) {
    T** link = &buckets_[bucket_of(Key::name(element))];
    while (*link != &element) {
      DF_ASSERT(*link != nullptr);
      link = &Key::next(**link);
    }
    *link = std::exchange(Key::next(element), nullptr);
    --size_;
  }

  /// Forgets all elements, and touches none of them.
  void clear() {
    std::fill(buckets_.begin(), buckets_.end(), nullptr);
    size_ = 0;
  }

 private:
  static constexpr std::size_t kBucketsAtFirst = 16;  // a power of two, and doubled ever after

  [[nodiscard]] std::size_t bucket_of(std::string_view name) const {
    return static_cast<std::size_t>(hash_(name)) & (buckets_.size() - 1);
  }

  void put(T& element) {
    T*& first = buckets_[bucket_of(Key::name(element))];
    Key::next(element) = std::exchange(first, &element);
  }

  void grow() {
    std::vector<T*> old(2 * buckets_.size());
    old.swap(buckets_);
    for (T* element : old) {
      while (element != nullptr) put(*std::exchange(element, Key::next(*element)));
    }
  }

  const SipHash hash_;
  std::vector<T*> buckets_ = std::vector<T*>(kBucketsAtFirst);
  std::size_t size_ = 0;
};

}  // namespace distflow::base
