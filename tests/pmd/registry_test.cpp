#include "pmd/server/registry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"

namespace distflow::pmd {
namespace {

using Status = Registry::Status;

constexpr base::Instant kStart{base::seconds(100)};
constexpr base::WallMs kWall = 1'795'374'131'949;
constexpr base::SipKey kKey{1, 2};

protocol::Registration node(const std::string& node_id, const std::string& alias = "") {
  protocol::Registration registration;
  registration.node.node_id = node_id;
  if (!alias.empty()) registration.node.alias = alias;
  registration.node.host = "127.0.0.1";
  registration.node.port = 45401;
  return registration;
}

protocol::Registration node_with_ttl(const std::string& node_id, std::int64_t ttl_ms) {
  protocol::Registration registration = node(node_id);
  registration.ttl_ms = ttl_ms;
  return registration;
}

protocol::Registration with_secret(protocol::Registration registration, const std::string& secret) {
  registration.secret = secret;
  return registration;
}

/// All at once of what a server does over turns.
std::vector<Registry::Departure> drop(Registry& registry, OwnerId owner) {
  registry.drop_owner(owner);
  return registry.drop_gone(SIZE_MAX);
}

/// The inside of the array that a list answers with.
std::string text_of(const NodeSnapshot& snapshot) {
  std::string text;
  for (const auto& page : snapshot.pages) text.append(page->chunk->data(), page->size);
  return text.empty() ? text : text.substr(1);
}

std::string text_of(const Registry::Entries& entries) {
  std::string text;
  for (const Registry::Entry& entry : entries) (text += text.empty() ? "" : ",") += entry.text.json();
  return text;
}

class RegistryTest : public ::testing::Test {
 protected:
  ~RegistryTest() override { EXPECT_TRUE(registry.invariants()); }

  Status add(OwnerId owner, const protocol::Registration& registration, base::Instant now = kStart) {
    return registry.register_node(owner, registration, now, kWall).status;
  }
  std::string resolve(std::string_view name) {
    const Registry::Entry* entry = registry.resolve(name);
    return entry == nullptr ? "(nothing)" : entry->node.node_id;
  }
  std::string listed() {
    std::string ids;
    for (const Registry::Entry& entry : registry.entries()) ids += entry.node.node_id + ' ';
    return ids;
  }

  Registry registry{{.entries_max = 4, .bytes_max = 8192}, kKey};
};

TEST_F(RegistryTest, a_node_is_resolved_by_alias_and_by_node_id) {
  EXPECT_EQ(add(1, node("id1", "pong")), Status::joined);
  EXPECT_EQ(resolve("pong"), "id1");
  EXPECT_EQ(resolve("id1"), "id1");
  EXPECT_EQ(resolve("ping"), "(nothing)");
  EXPECT_EQ(registry.resolve("pong")->node.last_heartbeat_ms, kWall);
}

TEST_F(RegistryTest, names_are_found_whatever_they_look_like_in_json) {
  // The last two stand, as they are, in the JSON of any node.
  const std::string quoted = R"(a"b\c)", key = "alias", across = R"(","alias":")";
  add(1, node(quoted, "\n"));
  add(1, node(key, across));
  EXPECT_EQ(resolve(quoted), quoted);
  EXPECT_EQ(resolve("\n"), quoted);
  EXPECT_EQ(resolve(key), key);
  EXPECT_EQ(resolve(across), key);
}

TEST_F(RegistryTest, names_are_found_after_a_heartbeat_that_takes_more_digits) {
  add(1, node("1", "9"));
  ASSERT_TRUE(registry.heartbeat(1, "1", kStart, 10 * kWall));
  EXPECT_EQ(resolve("1"), "1");
  EXPECT_EQ(resolve("9"), "1");
  EXPECT_TRUE(registry.unregister(1, "1"));
  EXPECT_EQ(resolve("9"), "(nothing)");
}

TEST_F(RegistryTest, an_alias_goes_before_a_node_id_of_the_same_text) {
  add(1, node("x", "first"));
  add(2, node("y", "x"));
  EXPECT_EQ(resolve("x"), "y");
}

TEST_F(RegistryTest, an_alias_in_use_is_refused_with_its_holder_and_changes_nothing) {
  add(1, node("id1", "pong"));
  const Registry::Outcome outcome = registry.register_node(2, node("id2", "pong"), kStart, kWall);
  EXPECT_EQ(outcome.status, Status::alias_in_use);
  EXPECT_EQ(outcome.entry->node.node_id, "id1");
  EXPECT_EQ(resolve("id2"), "(nothing)");
  EXPECT_EQ(registry.revision(), 1u);
}

TEST_F(RegistryTest, a_registration_replaces_the_entry_as_a_whole_and_keeps_its_place) {
  protocol::Registration first = node("id1", "pong");
  first.node.caps = protocol::Caps{"cap"};
  add(1, first);
  add(1, node("id2", "ping"));
  EXPECT_EQ(add(1, node("id1", "other")), Status::replaced);
  EXPECT_EQ(resolve("pong"), "(nothing)");
  EXPECT_EQ(resolve("other"), "id1");
  EXPECT_FALSE(registry.resolve("id1")->node.caps);
  EXPECT_EQ(listed(), "id1 id2 ");
  EXPECT_EQ(add(2, node("id3", "pong")), Status::joined);
}

TEST_F(RegistryTest, an_entry_moves_to_the_owner_that_registers_it_and_the_end_of_the_old_one_changes_nothing) {
  add(1, with_secret(node("id1", "pong"), "s"));
  EXPECT_EQ(add(2, with_secret(node("id1", "pong"), "s")), Status::replaced);
  EXPECT_TRUE(drop(registry, 1).empty());
  EXPECT_EQ(resolve("pong"), "id1");
  EXPECT_EQ(drop(registry, 2).size(), 1u);
  EXPECT_EQ(resolve("pong"), "(nothing)");
}

TEST_F(RegistryTest, a_node_id_of_a_living_owner_is_given_up_only_for_the_secret_that_it_was_registered_with) {
  add(1, node("plain", "a"));
  add(1, with_secret(node("id1", "pong"), "secret"));
  for (const char* wrong : {"", "secre", "secret2", "Secret"}) {
    const Registry::Outcome outcome = registry.register_node(2, with_secret(node("id1", "mine"), wrong), kStart, kWall);
    EXPECT_EQ(outcome.status, Status::node_id_in_use) << wrong;
    EXPECT_EQ(outcome.entry->owner, 1u);
  }
  EXPECT_EQ(add(2, node("plain")), Status::node_id_in_use) << "nobody has the secret of a node without one";
  EXPECT_EQ(registry.revision(), 2u);
  EXPECT_EQ(add(1, node("plain", "b")), Status::replaced) << "the same owner needs none";
  EXPECT_EQ(add(2, with_secret(node("id1", "pong"), "secret")), Status::replaced);
  EXPECT_EQ(registry.resolve("id1")->owner, 2u);
}

TEST_F(RegistryTest, what_an_owner_that_is_gone_has_left_is_anybodys) {
  add(1, with_secret(node("id1", "pong"), "secret"));
  add(1, node("id2", "ping"));
  registry.drop_owner(1);
  const Registry::Outcome outcome = registry.register_node(2, node("id1", "pong"), kStart, kWall);
  EXPECT_EQ(outcome.status, Status::replaced);
  EXPECT_EQ(outcome.loser, 1u);
  EXPECT_EQ(registry.drop_gone(SIZE_MAX).size(), 1u);
  EXPECT_FALSE(registry.has_gone());
  EXPECT_EQ(listed(), "id1 ");
}

TEST_F(RegistryTest, a_node_id_that_moves_to_another_address_leaves_and_joins) {
  add(1, with_secret(node("id1", "pong"), "s"));
  protocol::Registration moved = with_secret(node("id1", "pong"), "s");
  moved.node.port = 1;
  const Registry::Outcome outcome = registry.register_node(2, moved, kStart, kWall);
  ASSERT_TRUE(outcome.departure);
  EXPECT_EQ(outcome.departure->node.port, 45401);
  EXPECT_EQ(outcome.departure->revision, 2u);
  std::string text;
  protocol::append_node(text, outcome.departure->node);
  EXPECT_EQ(outcome.departure->text.json(), text) << "of the address that it had";
  EXPECT_EQ(registry.revision(), 3u);
  EXPECT_FALSE(registry.register_node(3, moved, kStart, kWall).departure) << "the address is the same";
}

TEST_F(RegistryTest, what_an_owner_leaves_and_what_expires_goes_in_parts) {
  for (const char* id : {"id1", "id2", "id3"}) add(1, node_with_ttl(id, 100));
  EXPECT_EQ(registry.expire(kStart + base::seconds(1), 1).size(), 1u);
  registry.drop_owner(1);
  EXPECT_EQ(registry.drop_gone(1).size(), 1u);
  EXPECT_TRUE(registry.has_gone());
  EXPECT_EQ(registry.drop_gone(5).size(), 1u);
  EXPECT_FALSE(registry.has_gone());
}

TEST(RegistryShare, one_owner_cannot_fill_the_registry) {
  Registry registry({.owner_entries_max = 2, .owner_bytes_max = 4000}, kKey);
  const auto add = [&](OwnerId owner, const protocol::Registration& registration) {
    return registry.register_node(owner, registration, kStart, kWall).status;
  };
  EXPECT_EQ(add(1, node("id1")), Status::joined);
  EXPECT_EQ(add(1, node("id2")), Status::joined);
  EXPECT_EQ(add(1, node("id3")), Status::owner_full);
  EXPECT_EQ(add(1, node("id2", "other")), Status::replaced);
  EXPECT_EQ(add(2, node("id3")), Status::joined);
  protocol::Registration large = node("id4");
  large.node.meta.assign(32, {std::string(200, 'k'), "v"});
  EXPECT_EQ(add(2, large), Status::owner_full);
  EXPECT_EQ(add(3, large), Status::joined) << "one node is always within the bytes of a share";
  EXPECT_TRUE(registry.invariants());
}

class RegistryUsers : public ::testing::Test {
 protected:
  Registry::Status add(OwnerId owner, UserId user, const protocol::Registration& registration) {
    Registry::Change change = Registry::change_of(owner, registration, kWall);
    change.user = user;
    return registry.apply(change, kStart, kWall).status;
  }

  Registry registry{{.user_entries_max = 2, .user_bytes_max = 4000}, kKey};
};

TEST_F(RegistryUsers, one_user_cannot_fill_the_registry_with_any_number_of_connections) {
  EXPECT_EQ(add(1, 1000, node("id1")), Status::joined);
  EXPECT_EQ(add(2, 1000, node("id2")), Status::joined);
  EXPECT_EQ(add(3, 1000, node("id3")), Status::user_full);
  EXPECT_EQ(add(2, 1000, node("id2", "other")), Status::replaced);
  EXPECT_EQ(add(4, 1001, node("id3")), Status::joined);
  EXPECT_EQ(add(5, std::nullopt, node("id4")), Status::joined)
      << "whom the kernel does not name has a connection's share";
  protocol::Registration large = node("id5");
  large.node.meta.assign(32, {std::string(200, 'k'), "v"});
  EXPECT_EQ(add(6, 1001, large), Status::user_full);
  EXPECT_EQ(add(7, 1002, large), Status::joined) << "one node is always within the bytes of a share";
  EXPECT_TRUE(registry.invariants());
}

TEST_F(RegistryUsers, what_a_user_has_given_up_counts_for_it_no_longer) {
  add(1, 1000, node("id1"));
  add(2, 1000, node("id2"));
  EXPECT_TRUE(registry.unregister(1, "id1"));
  EXPECT_EQ(add(1, 1000, node("id3")), Status::joined);
  drop(registry, 2);
  EXPECT_EQ(add(3, 1000, node("id4")), Status::joined);
  EXPECT_EQ(add(3, 1000, node("id5")), Status::user_full);
  drop(registry, 1);
  drop(registry, 3);
  EXPECT_TRUE(registry.invariants()) << "users without entries are forgotten";
}

TEST_F(RegistryUsers, a_node_that_another_user_takes_over_counts_for_that_user) {
  protocol::Registration secret = node("id1");
  secret.secret = "s3cret";
  add(1, 1000, secret);
  add(2, 1000, node("id2"));
  EXPECT_EQ(add(3, 1001, secret), Status::replaced);
  EXPECT_TRUE(registry.invariants());
  EXPECT_EQ(add(1, 1000, node("id3")), Status::joined);
  EXPECT_EQ(add(3, 1001, node("id4")), Status::joined);
  EXPECT_EQ(add(4, 1001, node("id5")), Status::user_full);
}

TEST_F(RegistryTest, the_end_of_an_owner_takes_all_that_is_its_own_and_nothing_else) {
  add(1, node("id1", "a"));
  add(2, node("id2", "b"));
  add(1, node("id3", "c"));
  const auto gone = drop(registry, 1);
  ASSERT_EQ(gone.size(), 2u);
  EXPECT_EQ(gone[0].node.node_id, "id1");
  EXPECT_EQ(gone[0].revision, 4u);
  EXPECT_EQ(gone[1].node.node_id, "id3");
  EXPECT_EQ(gone[1].revision, 5u);
  EXPECT_EQ(listed(), "id2 ");
}

TEST_F(RegistryTest, to_anybody_but_its_owner_an_entry_is_not_there_to_unregister_or_keep_alive) {
  add(1, node("id1"));
  EXPECT_FALSE(registry.unregister(2, "id1"));
  EXPECT_FALSE(registry.heartbeat(2, "id1", kStart, kWall));
  EXPECT_EQ(registry.next_expiry(), base::kNever);
  EXPECT_TRUE(registry.unregister(1, "id1"));
  EXPECT_FALSE(registry.unregister(1, "id1"));
}

TEST_F(RegistryTest, an_entry_without_heartbeat_and_declared_ttl_never_expires) {
  add(1, node("id1"));
  EXPECT_EQ(registry.next_expiry(), base::kNever);
  EXPECT_TRUE(registry.expire(kStart + std::chrono::years(100)).empty());
}

TEST_F(RegistryTest, the_first_heartbeat_binds_an_entry_to_the_default_ttl) {
  add(1, node("id1"));
  EXPECT_TRUE(registry.heartbeat(1, "id1", kStart, kWall + 5));
  EXPECT_EQ(registry.resolve("id1")->node.last_heartbeat_ms, kWall + 5);
  EXPECT_EQ(registry.next_expiry(), kStart + base::seconds(60));
  EXPECT_TRUE(registry.expire(kStart + base::seconds(60) - base::Duration(1)).empty());
  EXPECT_EQ(registry.expire(kStart + base::seconds(60)).size(), 1u);
}

TEST_F(RegistryTest, a_declared_ttl_binds_from_the_registration_on_and_each_heartbeat_renews_it) {
  add(1, node_with_ttl("id1", 100));
  EXPECT_EQ(registry.next_expiry(), kStart + base::milliseconds(100));
  EXPECT_TRUE(registry.heartbeat(1, "id1", kStart + base::milliseconds(90), kWall));
  EXPECT_TRUE(registry.expire(kStart + base::milliseconds(189)).empty());
  EXPECT_EQ(registry.expire(kStart + base::milliseconds(190)).size(), 1u);
}

TEST_F(RegistryTest, the_longest_ttl_there_is_does_no_harm) {
  add(1, node_with_ttl("id1", INT64_MAX));
  EXPECT_TRUE(registry.expire(kStart + std::chrono::days(364)).empty());
}

TEST_F(RegistryTest, a_registration_anew_unbinds_what_heartbeats_had_bound) {
  add(1, node("id1"));
  registry.heartbeat(1, "id1", kStart, kWall);
  add(1, node("id1"));
  EXPECT_EQ(registry.next_expiry(), base::kNever);
}

TEST_F(RegistryTest, every_join_and_leave_makes_one_revision_and_nothing_else_does) {
  add(1, node("id1", "a"));
  add(1, node("id1", "b"));
  add(2, node("id2", "b"));
  registry.heartbeat(1, "id1", kStart, kWall);
  EXPECT_EQ(registry.revision(), 2u);
  EXPECT_EQ(registry.unregister(1, "id1")->revision, 3u);
  EXPECT_EQ(registry.revision(), 3u);
}

TEST_F(RegistryTest, beyond_the_bound_of_entries_new_nodes_are_refused_and_known_ones_are_not) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(add(1, node("id" + std::to_string(i))), Status::joined);
  EXPECT_EQ(add(1, node("id4")), Status::full);
  EXPECT_EQ(add(1, node("id0", "renamed")), Status::replaced);
  registry.unregister(1, "id0");
  EXPECT_EQ(add(1, node("id4")), Status::joined);
}

TEST_F(RegistryTest, beyond_the_bound_of_bytes_a_registration_is_refused_and_the_old_entry_stays) {
  add(1, node("id1", "small"));
  protocol::Registration large = node("id1", "large");
  large.node.meta.emplace_back("key", std::string(8192, 'x'));
  EXPECT_EQ(add(1, large), Status::full);
  EXPECT_EQ(resolve("small"), "id1");
}

// An entry's texts are in it three times: as they are, as JSON, and as JSON to be listed; there a control character
// takes six bytes.
TEST_F(RegistryTest, an_entry_counts_with_its_fixed_part_its_texts_and_its_json) {
  add(1, node("id1"));
  const std::size_t fixed = registry.bytes();
  EXPECT_GE(fixed, sizeof(Registry::Entry));
  protocol::Registration with_meta = node("id1");
  with_meta.node.meta.emplace_back("key", std::string(200, '\x01'));
  add(1, with_meta);
  EXPECT_GE(registry.bytes(), fixed + 200 + 2 * 200 * 6);
  EXPECT_LE(registry.bytes(), fixed + 200 + 2 * 200 * 6 + 500);
  add(1, node("id1"));
  EXPECT_EQ(registry.bytes(), fixed);
  registry.unregister(1, "id1");
  EXPECT_EQ(registry.bytes(), 0u);
}

TEST_F(RegistryTest, the_bytes_allowed_by_default_are_enough_for_as_many_nodes_as_a_runtime_registers) {
  constexpr RegistryOptions defaults;
  protocol::Registration usual = node("0123456789abcdef", "a-service-with-a-long-name-1234567890");
  usual.node.caps = protocol::Caps{"rev", std::string(protocol::kShutdownCap)};
  add(1, usual);
  EXPECT_LE(registry.bytes() * defaults.entries_max, defaults.bytes_max);
}

// Each waits for all others' memory; each gets its own answer.
TEST_F(RegistryTest, look_ups_that_are_made_together_find_what_each_finds_alone) {
  add(1, node("id1", "pong"));
  add(1, node("id2", "id1"));
  add(1, node("id3"));
  const std::vector<std::string> names = {"pong", "id1", "id2", "id3", "nobody", "", "pong"};
  std::vector<Registry::LookUp> resolve_batch;
  for (const std::string& name : names) resolve_batch.push_back(registry.begin_look_up(name));
  registry.resolve(resolve_batch);
  for (const Registry::LookUp& each : resolve_batch) EXPECT_EQ(each.entry, registry.resolve(each.name.text));
  EXPECT_EQ(resolve_batch[1].entry->node.node_id, "id2");
  EXPECT_EQ(resolve_batch[4].entry, nullptr);
}

// A registry that does everything the slow way, to compare with.
class NaiveRegistry {
 public:
  struct Node {
    std::string node_id, alias, secret;
    OwnerId owner;
    bool is_bound;
    std::int64_t ttl_ms;
    base::Instant expiry;
  };

  Status add(OwnerId owner, const protocol::Registration& registration, base::Instant now) {
    const std::string alias = registration.node.alias.value_or("");
    auto same = nodes.end();
    for (auto it = nodes.begin(); it != nodes.end(); ++it) {
      if (it->node_id == registration.node.node_id) {
        same = it;
      } else if (!alias.empty() && it->alias == alias) {
        return Status::alias_in_use;
      }
    }
    if (same != nodes.end() && same->owner != owner) {
      if (same->secret.empty() || same->secret != registration.secret) return Status::node_id_in_use;
    }
    if (same == nodes.end() && nodes.size() == kEntriesMax) return Status::full;
    const std::int64_t ttl_ms = registration.ttl_ms.value_or(0);
    const Node made{registration.node.node_id,       alias, registration.secret, owner, ttl_ms > 0, ttl_ms,
                    now + base::milliseconds(ttl_ms)};
    ++revision;
    if (same != nodes.end()) {
      *same = made;
      return Status::replaced;
    }
    nodes.push_back(made);
    return Status::joined;
  }
  bool heartbeat(OwnerId owner, const std::string& node_id, base::Instant now) {
    for (Node& each : nodes) {
      if (each.node_id != node_id || each.owner != owner) continue;
      each.is_bound = true;
      each.expiry = now + base::milliseconds(each.ttl_ms > 0 ? each.ttl_ms : kTtlDefaultMs);
      return true;
    }
    return false;
  }
  template <class Predicate>
  std::size_t remove(Predicate predicate) {
    const std::size_t removed = std::erase_if(nodes, predicate);
    revision += removed;
    return removed;
  }
  std::string resolve(const std::string& name) const {
    for (const Node& each : nodes) {
      if (each.alias == name) return each.node_id;
    }
    for (const Node& each : nodes) {
      if (each.node_id == name) return each.node_id;
    }
    return "";
  }

  static constexpr std::size_t kEntriesMax = 12;
  static constexpr std::int64_t kTtlDefaultMs = 500;
  std::vector<Node> nodes;
  std::uint64_t revision = 0;
};

void expect_equal(Registry& registry, const NaiveRegistry& naive) {
  ASSERT_TRUE(registry.invariants());
  ASSERT_EQ(registry.revision(), naive.revision);
  ASSERT_EQ(registry.size(), naive.nodes.size());
  auto expected = naive.nodes.begin();
  for (const Registry::Entry& entry : registry.entries()) {
    ASSERT_EQ(entry.node.node_id, expected->node_id);
    ASSERT_EQ(entry.node.alias.value_or(""), expected->alias);
    ASSERT_EQ(entry.owner, (expected++)->owner);
  }
  ASSERT_EQ(text_of(*registry.snapshot()), text_of(registry.entries()));
}

void run_random_operations(std::uint64_t seed) {
  SCOPED_TRACE("replay with DISTFLOW_SEED=" + std::to_string(seed));
  base::Random random(seed);
  Registry registry({.entries_max = NaiveRegistry::kEntriesMax,
                     .bytes_max = 1 << 20,
                     .ttl_default = base::milliseconds(NaiveRegistry::kTtlDefaultMs)},
                    {seed, seed});
  NaiveRegistry naive;
  base::Instant now = kStart;
  // Node ids and aliases share their texts, so that each is met in the other's place.
  const auto any_name = [&] { return "n" + std::to_string(random.uniform(16)); };
  for (int step = 0; step < 2000; ++step) {
    now += base::milliseconds(random.uniform(50));
    const OwnerId owner = 1 + random.uniform(5);
    const std::string name = any_name();
    switch (random.uniform(8)) {
      case 0:
      case 1:
      case 2: {
        protocol::Registration registration = node(name, random.chance(0.8) ? any_name() : "");
        if (random.chance(0.7)) registration.secret = random.chance(0.8) ? "s" : "t";
        if (random.chance(0.3)) registration.ttl_ms = 1 + static_cast<std::int64_t>(random.uniform(400));
        const Status status = registry.register_node(owner, registration, now, kWall).status;
        ASSERT_EQ(status, naive.add(owner, registration, now));
        break;
      }
      case 3: {
        const std::size_t removed =
            naive.remove([&](const auto& each) { return each.node_id == name && each.owner == owner; });
        ASSERT_EQ(registry.unregister(owner, name).has_value(), removed == 1);
        break;
      }
      case 4: ASSERT_EQ(registry.heartbeat(owner, name, now, kWall), naive.heartbeat(owner, name, now)); break;
      case 5:
        if (!random.chance(0.2)) break;
        ASSERT_EQ(drop(registry, owner).size(), naive.remove([&](const auto& each) { return each.owner == owner; }));
        break;
      case 6:
        ASSERT_EQ(registry.expire(now).size(),
                  naive.remove([&](const auto& each) { return each.is_bound && each.expiry <= now; }));
        break;
      default: {
        const Registry::Entry* entry = registry.resolve(name);
        ASSERT_EQ(entry == nullptr ? "" : entry->node.node_id, naive.resolve(name));
      }
    }
    expect_equal(registry, naive);
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(RegistryModel, any_operations_have_the_effects_that_the_naive_registry_has) {
  const char* replayed = std::getenv("DISTFLOW_SEED");
  if (replayed != nullptr) return run_random_operations(std::strtoull(replayed, nullptr, 10));
  for (std::uint64_t seed = 1; seed <= 20; ++seed) run_random_operations(seed);
}

}  // namespace
}  // namespace distflow::pmd
