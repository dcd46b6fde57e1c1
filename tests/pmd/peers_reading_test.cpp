// One reading of a node's peers, part after part.
#include "pmd/web/peers_reading.hpp"

#include <gtest/gtest.h>

namespace distflow::pmd {
namespace {

using Outcome = PeersReading::Outcome;

constexpr base::Instant kNow{base::seconds(7)};

/// The part that is asked for has come, and the node says where the next one begins.
Outcome take(PeersReading& reading, std::uint64_t next, base::Instant now = kNow) {
  reading.on_asked(7, now);
  return reading.on_part({.next = next, .has_room = true}, now);
}

TEST(PeersReading, wants_part_after_part_and_awaits_what_it_has_asked_for) {
  PeersReading reading;
  EXPECT_FALSE(reading.is_under_way());
  EXPECT_FALSE(reading.awaits(0));
  reading.begin();
  EXPECT_TRUE(reading.wants_part());
  EXPECT_FALSE(reading.awaits(0)) << "it is not asked for yet";
  reading.on_asked(3, kNow);
  EXPECT_TRUE(reading.awaits(3));
  EXPECT_FALSE(reading.awaits(2)) << "a question of before";
  EXPECT_EQ(reading.on_part({.next = 7, .has_room = true}, kNow), Outcome::next_part);
  EXPECT_EQ(reading.after(), 7u);
  EXPECT_TRUE(reading.wants_part());
  EXPECT_EQ(take(reading, 0), Outcome::whole);
  EXPECT_FALSE(reading.is_under_way());
  reading.begin();
  EXPECT_EQ(reading.after(), 0u) << "from the beginning";
}

TEST(PeersReading, ends_with_a_node_that_tells_the_same_part_again) {
  PeersReading reading;
  reading.begin();
  EXPECT_EQ(take(reading, 7), Outcome::next_part);
  EXPECT_EQ(take(reading, 7), Outcome::cut);
}

TEST(PeersReading, is_cut_where_there_is_no_room_or_no_time_and_after_so_many_parts) {
  PeersReading reading;
  reading.begin();
  reading.on_asked(3, kNow);
  EXPECT_EQ(reading.on_part({.next = 0, .has_room = false}, kNow), Outcome::cut);

  reading.begin();
  EXPECT_EQ(take(reading, 1), Outcome::next_part);
  EXPECT_EQ(take(reading, 2, kNow + PeersReading::kTimeMax - base::milliseconds(1)), Outcome::next_part);
  EXPECT_EQ(take(reading, 3, kNow + PeersReading::kTimeMax), Outcome::cut);

  reading.begin();
  for (std::uint64_t part = 1; part < PeersReading::kPartsMax; ++part)
    ASSERT_EQ(take(reading, part), Outcome::next_part);
  EXPECT_EQ(take(reading, PeersReading::kPartsMax), Outcome::cut);

  reading.begin();
  EXPECT_EQ(take(reading, 0, kNow + 2 * PeersReading::kTimeMax), Outcome::whole) << "the last part is the end of it";
}

}  // namespace
}  // namespace distflow::pmd
