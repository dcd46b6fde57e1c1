// The bytes of sock_diag: which answers name an owner, and that no other bytes do.
#include "io/linux/sock_diag.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::io::sock_diag {
namespace {

using Bytes = std::vector<std::byte>;

constexpr std::uint32_t kSequence = 17;
constexpr std::uint32_t kUid = 1000;
constexpr std::size_t kHeader = sizeof(nlmsghdr);

const Question kQuestion{.own = Address::ipv4_loopback(4369), .peer = Address::ipv4_loopback(40112)};

/// A socket as the kernel describes it: the one that the question asks for.
inet_diag_msg socket_of(const Question& question) {
  inet_diag_msg socket{};
  socket.idiag_family = question.peer.family == Address::Family::ipv4 ? AF_INET : AF_INET6;
  socket.idiag_state = TCP_ESTABLISHED;
  socket.id.idiag_sport = htons(question.peer.port);
  socket.id.idiag_dport = htons(question.own.port);
  std::memcpy(socket.id.idiag_src, question.peer.bytes.data(), 16);
  std::memcpy(socket.id.idiag_dst, question.own.bytes.data(), 16);
  socket.idiag_uid = kUid;
  socket.idiag_inode = 3546161;
  return socket;
}

Bytes message(std::uint16_t type, const void* body, std::size_t size, std::uint32_t sequence = kSequence) {
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(kHeader + size);
  header.nlmsg_type = type;
  header.nlmsg_seq = sequence;
  Bytes bytes(kHeader + size);
  std::memcpy(bytes.data(), &header, kHeader);
  if (size > 0) std::memcpy(bytes.data() + kHeader, body, size);
  return bytes;
}

Bytes answer_of(const inet_diag_msg& socket, std::uint32_t sequence = kSequence) {
  return message(SOCK_DIAG_BY_FAMILY, &socket, sizeof socket, sequence);
}

Bytes error_of(int number, std::uint16_t type = NLMSG_ERROR) { return message(type, &number, sizeof number); }

std::optional<PeerOwner> decode(const Bytes& bytes, const Question& question = kQuestion) {
  return decode_answer(bytes, question, kSequence, kOverflowUid);
}

OwnerStatus status_of(const inet_diag_msg& socket, const Question& question = kQuestion) {
  return decode(answer_of(socket), question).value().status();
}

TEST(SockDiag, the_question_has_the_addresses_as_the_other_end_has_them) {
  const Request request = encode_question(kQuestion, kSequence);
  nlmsghdr header{};
  inet_diag_req_v2 body{};
  std::memcpy(&header, request.data(), kHeader);
  std::memcpy(&body, request.data() + kHeader, sizeof body);
  EXPECT_EQ(header.nlmsg_len, request.size());
  EXPECT_EQ(header.nlmsg_seq, kSequence);
  EXPECT_EQ(header.nlmsg_flags, NLM_F_REQUEST) << "exactly one socket, and no list";
  EXPECT_EQ(ntohs(body.id.idiag_sport), 40112);
  EXPECT_EQ(ntohs(body.id.idiag_dport), 4369);
  EXPECT_EQ(ntohl(body.id.idiag_src[0]), INADDR_LOOPBACK);
}

TEST(SockDiag, an_established_socket_with_an_inode_and_the_addresses_asked_for_has_an_owner) {
  const std::optional<PeerOwner> owner = decode(answer_of(socket_of(kQuestion)));
  ASSERT_TRUE(owner && owner->is_known());
  EXPECT_EQ(owner->uid(), kUid);
}

TEST(SockDiag, a_listener_is_not_the_connection) {
  inet_diag_msg socket = socket_of(kQuestion);
  socket.idiag_state = TCP_LISTEN;
  socket.idiag_uid = 0;
  std::memset(socket.id.idiag_src, 0, 16);
  std::memset(socket.id.idiag_dst, 0, 16);
  socket.id.idiag_dport = 0;
  EXPECT_EQ(status_of(socket), OwnerStatus::listener);
}

TEST(SockDiag, every_other_address_and_port_is_another_connection) {
  for (const std::size_t at : {offsetof(inet_diag_sockid, idiag_sport), offsetof(inet_diag_sockid, idiag_dport),
                               offsetof(inet_diag_sockid, idiag_src), offsetof(inet_diag_sockid, idiag_dst)}) {
    inet_diag_msg socket = socket_of(kQuestion);
    auto* const bytes = reinterpret_cast<unsigned char*>(&socket.id);
    bytes[at] = static_cast<unsigned char>(bytes[at] ^ 1U);
    EXPECT_EQ(status_of(socket), OwnerStatus::other_connection) << "byte " << at;
  }
}

TEST(SockDiag, a_state_that_is_not_established_has_no_owner) {
  for (std::uint8_t state = 0; state < 255; ++state) {
    inet_diag_msg socket = socket_of(kQuestion);
    socket.idiag_state = state;
    EXPECT_EQ(decode(answer_of(socket)).value().is_known(), state == TCP_ESTABLISHED) << int{state};
  }
  inet_diag_msg socket = socket_of(kQuestion);
  socket.idiag_state = TCP_SYN_RECV;
  EXPECT_EQ(status_of(socket), OwnerStatus::opening);
  socket.idiag_state = TCP_TIME_WAIT;
  EXPECT_EQ(status_of(socket), OwnerStatus::ending);
}

TEST(SockDiag, a_socket_without_an_inode_is_not_accepted_yet_whatever_its_uid) {
  for (const std::uint32_t uid : {0U, kUid}) {
    inet_diag_msg socket = socket_of(kQuestion);
    socket.idiag_inode = 0;
    socket.idiag_uid = uid;
    EXPECT_EQ(status_of(socket), OwnerStatus::not_accepted);
  }
}

TEST(SockDiag, the_overflow_uid_is_no_user_neither_by_default_nor_as_the_system_has_it) {
  constexpr std::uint32_t of_system = 1234;
  for (const std::uint32_t uid : {of_system, kOverflowUid, UINT32_MAX}) {
    inet_diag_msg socket = socket_of(kQuestion);
    socket.idiag_uid = uid;
    const auto owner = decode_answer(answer_of(socket), kQuestion, kSequence, of_system);
    EXPECT_EQ(owner.value().status(), OwnerStatus::other_user_namespace) << uid;
  }
}

TEST(SockDiag, mapped_addresses_are_compared_as_ipv4_in_question_and_answer) {
  const Question mapped{.own = *Address::parse("::ffff:127.0.0.1", 4369),
                        .peer = *Address::parse("::ffff:127.0.0.1", 40112)};
  const std::optional<Question> question = normalized(mapped);
  ASSERT_TRUE(question);
  EXPECT_EQ(question->own, kQuestion.own);
  EXPECT_EQ(question->peer, kQuestion.peer);
  EXPECT_TRUE(decode(answer_of(socket_of(mapped)), *question).value().is_known());
  EXPECT_TRUE(decode(answer_of(socket_of(kQuestion)), *question).value().is_known());
}

TEST(SockDiag, a_link_local_address_is_that_of_its_own_interface_only) {
  const Question question{.own = *Address::parse("fe80::1%2", 4369), .peer = *Address::parse("fe80::1%2", 40112)};
  inet_diag_msg socket = socket_of(question);
  socket.id.idiag_if = 3;
  EXPECT_EQ(status_of(socket, question), OwnerStatus::other_connection);
  socket.id.idiag_if = 2;
  EXPECT_EQ(status_of(socket, question), OwnerStatus::known);
}

TEST(SockDiag, what_cannot_be_a_connection_is_not_asked_for) {
  EXPECT_FALSE(normalized({.own = Address::ipv4_loopback(1), .peer = Address::ipv6_loopback(1)}));
  EXPECT_FALSE(normalized({.own = Address::ipv4_loopback(0), .peer = Address::ipv4_loopback(1)}));
  EXPECT_FALSE(normalized({.own = Address::ipv4_loopback(1), .peer = Address::ipv4_loopback(0)}));
}

TEST(SockDiag, an_error_is_no_owner) {
  EXPECT_EQ(decode(error_of(-ENOENT)).value().status(), OwnerStatus::not_found);
  for (const int number : {-EPERM, -ENOMEM, -EINVAL, 0, 1, ENOENT, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(decode(error_of(number)).value().status(), OwnerStatus::no_answer) << number;
  }
}

TEST(SockDiag, an_answer_cut_anywhere_names_no_owner) {
  const Bytes whole = answer_of(socket_of(kQuestion));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    const std::optional<PeerOwner> owner = decode(cut);
    EXPECT_EQ(owner.has_value(), size >= kHeader) << size;
    EXPECT_EQ(owner.value_or(PeerOwner::unknown(OwnerStatus::no_answer)).status(), OwnerStatus::no_answer) << size;
    Bytes short_by_itself = cut;  // its header agrees with its size
    if (size >= kHeader) std::memcpy(short_by_itself.data(), &size, sizeof(std::uint32_t));
    EXPECT_FALSE(decode(short_by_itself).value_or(PeerOwner()).is_known()) << size;
  }
}

/// The bytes of an answer that may change into no other value, if there is to be an owner. Free are the length where it
/// still fits, flags and port of the header, timer and retransmissions, the unused words of IPv4 addresses, interface,
/// cookie, times and queues. The uid may be any that is a user's, the inode any but 0.
std::set<std::size_t> counting_bytes() {
  std::set<std::size_t> counting{4, 5, 8, 9, 10, 11, kHeader, kHeader + 1};
  for (std::size_t i = 0; i < 4; ++i) {
    counting.insert(kHeader + 4 + i);                      // the ports
    counting.insert({kHeader + 8 + i, kHeader + 24 + i});  // the addresses
  }
  return counting;
}

TEST(SockDiag, no_change_of_a_byte_that_counts_leaves_an_owner) {
  for (const std::size_t at : counting_bytes()) {
    for (unsigned change = 1; change < 256; ++change) {
      Bytes bytes = answer_of(socket_of(kQuestion));
      bytes[at] ^= static_cast<std::byte>(change);
      EXPECT_FALSE(decode(bytes).value_or(PeerOwner()).is_known()) << "byte " << at << " changed by " << change;
    }
  }
}

TEST(SockDiag, random_changes_of_an_answer_name_no_owner_unless_all_that_counts_is_as_it_was) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  const Bytes whole = answer_of(socket_of(kQuestion));
  const std::set<std::size_t> counting = counting_bytes();
  for (int i = 0; i < 50'000; ++i) {
    Bytes bytes = whole;
    for (std::uint64_t changes = 1 + random.uniform(4); changes > 0; --changes) {
      bytes[random.uniform(bytes.size())] = static_cast<std::byte>(random.uniform(256));
    }
    if (random.chance(0.25)) bytes.resize(random.uniform(2 * whole.size()));
    static_cast<void>(decode_probe(bytes, kSequence));
    if (!decode(bytes).value_or(PeerOwner()).is_known()) continue;
    ASSERT_GE(bytes.size(), whole.size());
    for (const std::size_t at : counting) ASSERT_EQ(bytes[at], whole[at]) << at;
  }
}

TEST(SockDiag, messages_of_other_sequences_in_the_same_datagram_are_passed_over) {
  Bytes bytes = message(NLMSG_NOOP, "abc", 3, kSequence - 1);
  bytes.resize(NLMSG_ALIGN(bytes.size()));
  const Bytes answer = answer_of(socket_of(kQuestion));
  bytes.insert(bytes.end(), answer.begin(), answer.end());
  EXPECT_TRUE(decode(bytes).value().is_known());
  EXPECT_FALSE(decode(answer_of(socket_of(kQuestion), kSequence + 1)));
}

TEST(SockDiag, lengths_that_lie_end_the_datagram) {
  for (const std::uint32_t length : {0U, 1U, 15U, 89U, 0x7FFFFFFFU, 0xFFFFFFFFU}) {
    Bytes bytes = answer_of(socket_of(kQuestion), kSequence - 1);
    const Bytes answer = answer_of(socket_of(kQuestion));
    bytes.insert(bytes.end(), answer.begin(), answer.end());
    std::memcpy(bytes.data(), &length, sizeof length);
    EXPECT_FALSE(decode(bytes).value_or(PeerOwner()).is_known()) << length;
  }
}

TEST(SockDiag, the_probe_succeeds_with_an_empty_list_alone) {
  EXPECT_EQ(decode_probe(error_of(0, NLMSG_DONE), kSequence), 0);
  EXPECT_EQ(decode_probe(error_of(-ENOENT, NLMSG_DONE), kSequence), ENOENT);
  EXPECT_EQ(decode_probe(error_of(-EPERM), kSequence), EPERM);
  EXPECT_EQ(decode_probe(answer_of(socket_of(kQuestion)), kSequence), EBADMSG);
  EXPECT_EQ(decode_probe(error_of(0, NLMSG_DONE), kSequence + 1), std::nullopt);
}

}  // namespace
}  // namespace distflow::io::sock_diag
