// Entries by one of their names: a hash table of which a look-up touches one cache line, then the entry that it finds.
//
// One thread. Neither owns the entries nor keeps their names: `kName` of an entry must not change while it is in.
//   1. No two entries of the same name are in.
//   2. At most half of the slots are taken, and no free slot lies between an entry's slot and where its hash would
//      have it: the search for a name ends at the first free one.
//   3. Hashes are those of a key that nobody outside knows: clients choose the names, and must not choose who collides.
// Use: NameIndex<Entry, &Entry::alias_key> by_alias(hash); by_alias.insert(entry); by_alias.find("pong");
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/sip_hash.hpp"

namespace distflow::pmd {

/// A name with its hash, for who looks in more than one index.
struct HashedName {
  std::string_view text;
  std::uint64_t hash = 0;
};

template <class Entry, std::string_view Entry::*kName>
class NameIndex {
 public:
  explicit NameIndex(const base::SipHash& hash) : hash_(hash) {}

  [[nodiscard]] std::size_t size() const { return size_; }

  /// Null when there is none.
  [[nodiscard]] Entry* find(const HashedName& name) const {
    for (std::size_t at = home(name.hash);; at = next(at)) {
      const Slot& slot = slots_[at];
      if (slot.entry == nullptr) return nullptr;
      if (slot.hash == name.hash && slot.entry->*kName == name.text) return slot.entry;
    }
  }

  [[nodiscard]] Entry* find(std::string_view name) const { return find(HashedName{name, hash_(name)}); }

  /// The entry that find() would look at first, without a look at it; null when there is none.
  [[nodiscard]] const Entry* guess(const HashedName& name) const {
    for (std::size_t at = home(name.hash);; at = next(at)) {
      const Slot& slot = slots_[at];
      if (slot.entry == nullptr || slot.hash == name.hash) return slot.entry;
    }
  }

  /// Has the memory come that a search for the name begins with.
  void prefetch(const HashedName& name) const { __builtin_prefetch(&slots_[home(name.hash)]); }

  /// Room for one more, so that the next insert() needs no memory. May throw std::bad_alloc.
  void make_room() {
    if (2 * (size_ + 1) > slots_.size()) grow();
  }

  void insert(Entry& entry) {
    make_room();
    ++size_;
    put({hash_(entry.*kName), &entry});
  }

  /// The entry must be in.
  void erase(const Entry& entry) {
    std::size_t hole = home(hash_(entry.*kName));
    while (slots_[hole].entry != &entry) {
      DF_ASSERT(slots_[hole].entry != nullptr);
      hole = next(hole);
    }
    // Whatever lies behind, and would rather lie in the hole, moves up.
    for (std::size_t at = next(hole); slots_[at].entry != nullptr; at = next(at)) {
      if (distance(home(slots_[at].hash), at) < distance(hole, at)) continue;
      slots_[hole] = slots_[at];
      hole = at;
    }
    slots_[hole] = {};
    --size_;
  }

 private:
  struct Slot {
    std::uint64_t hash = 0;
    Entry* entry = nullptr;
  };

  [[nodiscard]] std::size_t home(std::uint64_t hash) const {
    return static_cast<std::size_t>(hash) & (slots_.size() - 1);
  }
  [[nodiscard]] std::size_t next(std::size_t at) const { return home(at + 1); }
  /// How many slots further on `to` is.
  [[nodiscard]] std::size_t distance(std::size_t from, std::size_t to) const { return home(to - from); }

  void put(const Slot& slot) {
    std::size_t at = home(slot.hash);
    while (slots_[at].entry != nullptr) at = next(at);
    slots_[at] = slot;
  }

  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.entry != nullptr) put(slot);
    }
  }

  const base::SipHash hash_;
  std::vector<Slot> slots_ = std::vector<Slot>(16);  // a power of two
  std::size_t size_ = 0;
};

}  // namespace distflow::pmd
