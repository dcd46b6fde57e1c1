// How many of some places each user has, and who gives one up where all are taken.
//
// A value of one look at the places; any thread.
//   1. A user with fewer places than an equal share gets one of the user with most. So the shares become equal, as far
//      as users ask for them, and nobody takes back what it had beyond its own.
// Use: PlacesByUser places(viewer); for (each place) places.note(user of it); if (const auto from = places.giver()) ...
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>

namespace distflow::pmd {

class PlacesByUser {
 public:
  /// `asker` is the user that asks for a place. May throw std::bad_alloc, as note().
  explicit PlacesByUser(std::uint32_t asker) : asker_(asker) { places_[asker] = 0; }

  void note(std::uint32_t user) {
    ++places_[user];
    ++all_;
  }
  [[nodiscard]] std::size_t of_asker() const { return places_.at(asker_); }

  /// The user whose place the asker may have, all that were noted being taken; none when the asker has its share.
  [[nodiscard]] std::optional<std::uint32_t> giver() const {
    if (of_asker() >= all_ / places_.size()) return std::nullopt;
    return std::ranges::max_element(places_, {}, [](const auto& user) { return user.second; })->first;
  }

 private:
  const std::uint32_t asker_;
  std::map<std::uint32_t, std::size_t> places_;
  std::size_t all_ = 0;
};

}  // namespace distflow::pmd
