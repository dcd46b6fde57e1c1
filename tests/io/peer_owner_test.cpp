// What a known and an unknown owner are equal to, and who counts as local.
#include "io/peer_owner.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "io/posix/peer_owner.hpp"

namespace distflow::io {
namespace {

constexpr std::array kUnknown{OwnerStatus::not_found,    OwnerStatus::listener,   OwnerStatus::other_connection,
                              OwnerStatus::opening,      OwnerStatus::ending,     OwnerStatus::not_accepted,
                              OwnerStatus::no_answer,    OwnerStatus::cannot_ask, OwnerStatus::other_user_namespace,
                              OwnerStatus::not_connected};

TEST(PeerOwner, a_known_owner_is_its_user_and_no_other) {
  const PeerOwner owner = PeerOwner::user(1000);
  EXPECT_TRUE(owner.is_known());
  EXPECT_EQ(owner.uid(), 1000U);
  EXPECT_TRUE(owner.is_user(1000));
  EXPECT_FALSE(owner.is_user(0));
  EXPECT_TRUE(owner.is_same_user(PeerOwner::user(1000)));
  EXPECT_FALSE(owner.is_same_user(PeerOwner::user(1001)));
}

TEST(PeerOwner, an_unknown_owner_is_nobody_neither_root_nor_another_unknown_one) {
  for (const OwnerStatus why : kUnknown) {
    const PeerOwner owner = PeerOwner::unknown(why);
    EXPECT_EQ(owner.status(), why);
    EXPECT_FALSE(owner.is_known()) << to_text(why);
    EXPECT_FALSE(owner.is_user(0) || owner.is_user(UINT32_MAX)) << to_text(why);
    EXPECT_FALSE(owner.is_same_user(owner)) << to_text(why);
    EXPECT_FALSE(owner.is_same_user(PeerOwner::user(0)) || PeerOwner::user(0).is_same_user(owner)) << to_text(why);
    EXPECT_FALSE(PeerOwner::user(UINT32_MAX).is_same_user(owner)) << to_text(why);
  }
  EXPECT_FALSE(PeerOwner().is_known());
}

TEST(PeerOwner, each_reason_has_a_text_of_its_own) {
  std::set<std::string> texts;
  for (const OwnerStatus why : kUnknown) texts.insert(to_text(why));
  EXPECT_EQ(texts.size(), kUnknown.size());
}

TEST(PeerOwner, a_peer_is_local_when_the_system_has_its_socket_whatever_its_address) {
  const Address lan = *Address::parse("10.20.30.40", 4369);
  for (const Address& peer : {Address::ipv4_loopback(4369), lan}) {
    EXPECT_TRUE(is_local(PeerOwner::user(1000), peer));
    for (const OwnerStatus found :
         {OwnerStatus::opening, OwnerStatus::not_accepted, OwnerStatus::ending, OwnerStatus::other_user_namespace}) {
      EXPECT_TRUE(is_local(PeerOwner::unknown(found), peer)) << to_text(found);
    }
    for (const OwnerStatus not_found :
         {OwnerStatus::not_found, OwnerStatus::listener, OwnerStatus::other_connection, OwnerStatus::not_connected}) {
      EXPECT_FALSE(is_local(PeerOwner::unknown(not_found), peer)) << to_text(not_found);
    }
  }
}

TEST(PeerOwner, where_the_system_does_not_say_only_loopback_addresses_are_local) {
  for (const OwnerStatus why : {OwnerStatus::no_answer, OwnerStatus::cannot_ask}) {
    EXPECT_TRUE(is_local(PeerOwner::unknown(why), Address::ipv4_loopback(4369)));
    EXPECT_TRUE(is_local(PeerOwner::unknown(why), Address::ipv6_loopback(4369)));
    EXPECT_FALSE(is_local(PeerOwner::unknown(why), *Address::parse("10.20.30.40", 4369)));
  }
}

TEST(PeerOwner, a_system_without_the_question_knows_no_owner) {
  NoPeerOwnerLookup none;
  EXPECT_EQ(none.owner_of_peer(0).status(), OwnerStatus::cannot_ask);
}

TEST(PeerOwner, what_is_no_connection_has_no_owner_on_any_system) {
  const base::Log log;
  const auto lookup = platform::make_peer_owner_lookup(log);
  EXPECT_FALSE(lookup->owner_of_peer(-1).is_known());
  EXPECT_FALSE(lookup->owner_of_peer(0).is_known());
}

}  // namespace
}  // namespace distflow::io
