// What happens when a slot of requests gets a generation that it has had: the system's random bits are the test's.
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "runtime/ask/ask_id.hpp"
#include "tests/runtime/asking.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/steered_random.hpp"

namespace distflow::test {
namespace {

using runtime::AskGenerations;
using runtime::AskId;

TEST(AskGenerations, are_never_the_one_before_and_make_ids_of_16_digits_that_javascript_reads_exactly) {
  base::ChunkPool chunks{{.chunk_size = 4096, .chunk_count_max = 1}};
  const auto backend = make_socket_backend(chunks);
  const SteeredRandom random({UINT32_MAX, UINT32_MAX, 0, 0, 0, 1});
  AskGenerations generations;
  std::uint64_t before = 0;
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) {
    const std::uint64_t generation = generations.next(*backend, before);
    EXPECT_NE(generation, before);
    seen.insert(generation);
    for (const std::uint32_t slot : {0U, AskId::kSlotsMax - 1}) {
      const std::uint64_t id = AskId{.slot = slot, .generation = generation}.number();
      EXPECT_GE(id, 1'000'000'000'000'000U);
      EXPECT_LE(id, protocol::kAskIdMax);
      EXPECT_EQ(AskId::of(id).slot, slot);
      EXPECT_EQ(AskId::of(id).generation, generation);
    }
    before = generation;
  }
  EXPECT_EQ(seen.size(), 3U) << "both ends of their range among them";
}

/// Two peers, whose frames are written by hand on connections of their own to the asker.
class AskedWithOldIds : public Asking {
 protected:
  void meet(const std::string& node_id) {
    ping_->directory().upsert(
        {.info = {.node_id = node_id, .alias = node_id, .host = "127.0.0.1", .port = listener_.port()},
         .takes_asks = true});
  }
  /// The id of the next request that comes to either.
  std::uint64_t next_id() {
    const auto receive = [this] {
      if (is_readable(listener_.fd())) peers_.push_back(listener_.accept());
      for (RawSocket& peer : peers_) {
        if (is_readable(peer.fd())) bytes_ += peer.receive();
      }
    };
    return next_request_in(bytes_, receive).id;
  }
  std::string reply_of(std::string_view from, std::uint64_t id) const {
    return node_frame(from, ping_->node_id(), '"' + std::string(from) + '"', "\"re\":" + std::to_string(id));
  }
  std::uint64_t disbelieved() { return stats(ping_).late + stats(ping_).unasked; }

  TestNode& ping_ = add({.alias = "ping"});
  RawSocket listener_ = RawSocket::listening();
  std::vector<RawSocket> peers_;
  std::string bytes_;
};

// Of two generations that take turns, each slot has the same one again with the request after the next.
TEST_F(AskedWithOldIds, a_late_reply_ends_no_request_to_another_node_that_has_the_same_id) {
  const SteeredRandom random({7, 8, 9});
  meet("before");
  RawSocket before = RawSocket::connected_to(ping_->port());
  RawSocket after = RawSocket::connected_to(ping_->port());
  std::set<std::uint64_t> old;
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(is_under_way(ask(ping_, "before", "1", {.deadline = 1h})));
    const std::uint64_t id = next_id();
    old.insert(id);
    ASSERT_TRUE(before.send(reply_of("before", id)));
    ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
    replies.clear();
  }
  meet("after");
  ASSERT_TRUE(is_under_way(ask(ping_, "after", "2", {.deadline = 1h})));
  const std::uint64_t id = next_id();
  ASSERT_TRUE(old.contains(id)) << "the slot has had this generation";
  ASSERT_TRUE(before.send(reply_of("before", id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return disbelieved() == 1; }));
  EXPECT_TRUE(replies.empty());
  ASSERT_TRUE(after.send(reply_of("after", id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().payload, R"("after")");
}

// Bits that come twice in a row do not make two requests of one slot alike.
TEST_F(AskedWithOldIds, a_second_reply_ends_no_later_request_of_the_same_slot) {
  const SteeredRandom random({7, 7, 7, 8});
  meet("raw");
  RawSocket raw = RawSocket::connected_to(ping_->port());
  std::map<std::uint32_t, std::uint64_t> last;  // of each slot
  std::size_t used_again = 0;
  for (std::size_t i = 1; i <= 200; ++i) {
    ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
    const std::uint64_t id = next_id();
    const auto [place, is_new] = last.emplace(AskId::of(id).slot, id);
    if (!is_new) {
      ++used_again;
      EXPECT_NE(place->second, id);
      const std::uint64_t before = disbelieved();
      ASSERT_TRUE(raw.send(reply_of("raw", place->second)));
      ASSERT_TRUE(cluster_.turn_until([&] { return disbelieved() == before + 1; }));
      EXPECT_EQ(replies.size(), i - 1);
      place->second = id;
    }
    ASSERT_TRUE(raw.send(reply_of("raw", id)));
    ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == i; }));
  }
  EXPECT_GT(used_again, 100U);
}

}  // namespace
}  // namespace distflow::test
