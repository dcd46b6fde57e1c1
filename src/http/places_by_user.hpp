// How many of some places each user has, and who gives one up where all are taken.
//
// A value of one look at the places; any thread.
//   1. A user with fewer places than an equal share, rounded down, gets one of a user with more than that. So the
//      shares become equal, as far as users ask for them, and nobody takes back what it had beyond its own.
//   2. While one user may take a place there is another that may give one: the others have more than their shares then.
//   3. A share is at most half of the places, as two users have some: a bound of one user that is half of them or more
//      holds.
// Use: PlacesByUser places(viewer); for (each place) places.note(user of it); if (places.may_take()) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

namespace distflow::http {

class PlacesByUser {
 public:
  /// `asker` is the user that asks for a place. May throw std::bad_alloc, as note().
  explicit PlacesByUser(std::uint32_t asker) : asker_(asker) { places_[asker] = 0; }

  void note(std::uint32_t user) {
    ++places_[user];
    ++all_;
  }
  /// Of the asker, or of a user that was noted.
  [[nodiscard]] std::size_t of(std::uint32_t user) const { return places_.at(user); }

  /// Whether the asker has fewer than its share, all places that were noted being taken.
  [[nodiscard]] bool may_take() const { return of(asker_) < share(); }
  /// Whether a place of this user's is beyond its share.
  [[nodiscard]] bool may_give(std::uint32_t user) const { return of(user) > share(); }

 private:
  [[nodiscard]] std::size_t share() const { return all_ / places_.size(); }

  const std::uint32_t asker_;
  std::map<std::uint32_t, std::size_t> places_;
  std::size_t all_ = 0;
};

}  // namespace distflow::http
