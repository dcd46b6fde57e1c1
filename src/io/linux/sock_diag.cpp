#include "io/linux/sock_diag.hpp"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace distflow::io::sock_diag {
namespace {

constexpr std::size_t kHeaderSize = sizeof(nlmsghdr);
static_assert(kHeaderSize == NLMSG_HDRLEN && kHeaderSize + sizeof(inet_diag_req_v2) == kRequestSize);

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/// A mapped IPv4 address as IPv4, any other as it is.
Address in_ipv4_form(const Address& address) {
  const auto* const begin = address.bytes.begin();
  if (address.family == Address::Family::ipv4 || !std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), begin)) {
    return address;
  }
  Address ipv4{.port = address.port};
  std::copy_n(begin + kMappedPrefix.size(), 4, ipv4.bytes.begin());
  return ipv4;
}

Address address_of(std::uint8_t family, const __be32 (&words)[4], __be16 port) {
  Address address{.family = family == AF_INET ? Address::Family::ipv4 : Address::Family::ipv6, .port = ntohs(port)};
  std::memcpy(address.bytes.data(), words, family == AF_INET ? 4 : sizeof words);
  return in_ipv4_form(address);
}

/// Without the zone, which an answer has beside its addresses.
bool is_same_end(const Address& a, const Address& b) {
  return a.family == b.family && a.bytes == b.bytes && a.port == b.port;
}

/// The number of the interface that a link-local address belongs to; 0 for the others.
std::uint32_t zone_of(const Question& question) {
  return question.peer.scope != 0 ? question.peer.scope : question.own.scope;
}

Request encode(std::uint16_t flags, std::uint32_t sequence, const inet_diag_req_v2& body) {
  nlmsghdr header{};
  header.nlmsg_len = kRequestSize;
  header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  Request request{};
  std::memcpy(request.data(), &header, sizeof header);
  std::memcpy(request.data() + kHeaderSize, &body, sizeof body);
  return request;
}

struct Message {
  nlmsghdr header{};
  std::span<const std::byte> body;  ///< what the datagram holds of it
  bool is_whole = false;
};

/// The first message of that sequence in the datagram.
std::optional<Message> find_message(std::span<const std::byte> datagram, std::uint32_t sequence) {
  while (datagram.size() >= kHeaderSize) {
    Message message;
    std::memcpy(&message.header, datagram.data(), kHeaderSize);
    const std::size_t size = message.header.nlmsg_len;
    message.is_whole = size >= kHeaderSize && size <= datagram.size();
    message.body = datagram.subspan(kHeaderSize, message.is_whole ? size - kHeaderSize : 0);
    if (message.header.nlmsg_seq == sequence) return message;
    if (!message.is_whole) return std::nullopt;
    datagram = datagram.subspan(std::min(datagram.size(), std::size_t{NLMSG_ALIGN(size)}));
  }
  return std::nullopt;
}

/// The beginning of the body as a T, if it is all there.
template <class T>
std::optional<T> body_as(const Message& message) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (!message.is_whole || message.body.size() < sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, message.body.data(), sizeof value);
  return value;
}

/// The errno of an error or of the end of a list, which have it in the same place as a negative number. EBADMSG if the
/// message is neither, or holds something else.
int error_in(const Message& message) {
  const std::optional<int> negative = body_as<int>(message);
  const bool has_error = message.header.nlmsg_type == NLMSG_ERROR || message.header.nlmsg_type == NLMSG_DONE;
  if (!has_error || !negative || *negative > 0 || *negative < -4095) return EBADMSG;  // 4095: errno(3) ends before it
  return -*negative;
}

OwnerStatus status_without_owner(const inet_diag_msg& socket) {
  switch (socket.idiag_state) {
    case TCP_ESTABLISHED: return OwnerStatus::not_accepted;
    case TCP_SYN_SENT:
    case TCP_SYN_RECV:
    case TCP_CLOSING + 1:  // TCP_NEW_SYN_RECV, which has no name outside of the kernel
      return OwnerStatus::opening;
    default: return OwnerStatus::ending;
  }
}

PeerOwner owner_of(const inet_diag_msg& socket, const Question& question, std::uint32_t overflow_uid) {
  const std::uint8_t family = socket.idiag_family;
  if (family != AF_INET && family != AF_INET6) return PeerOwner::unknown(OwnerStatus::other_connection);
  const Address source = address_of(family, socket.id.idiag_src, socket.id.idiag_sport);
  const Address destination = address_of(family, socket.id.idiag_dst, socket.id.idiag_dport);
  const std::uint32_t zone = zone_of(question);
  if (!is_same_end(source, question.peer) || !is_same_end(destination, question.own) ||
      (zone != 0 && socket.id.idiag_if != zone)) {
    return PeerOwner::unknown(socket.idiag_state == TCP_LISTEN ? OwnerStatus::listener : OwnerStatus::other_connection);
  }
  if (socket.idiag_state != TCP_ESTABLISHED || socket.idiag_inode == 0) {
    return PeerOwner::unknown(status_without_owner(socket));
  }
  const bool is_nobodys = socket.idiag_uid == overflow_uid || socket.idiag_uid == kOverflowUid;
  if (is_nobodys || socket.idiag_uid == UINT32_MAX) return PeerOwner::unknown(OwnerStatus::other_user_namespace);
  return PeerOwner::user(socket.idiag_uid);
}

}  // namespace

std::optional<Question> normalized(const Question& question) {
  const Question result{.own = in_ipv4_form(question.own), .peer = in_ipv4_form(question.peer)};
  if (result.own.family != result.peer.family || result.own.port == 0 || result.peer.port == 0) return std::nullopt;
  return result;
}

Request encode_question(const Question& question, std::uint32_t sequence) {
  inet_diag_req_v2 body{};
  const bool is_ipv4 = question.peer.family == Address::Family::ipv4;
  body.sdiag_family = is_ipv4 ? AF_INET : AF_INET6;
  body.sdiag_protocol = IPPROTO_TCP;
  body.idiag_states = UINT32_MAX;  // no filter: an exact question is answered in any state
  body.id.idiag_sport = htons(question.peer.port);
  body.id.idiag_dport = htons(question.own.port);
  std::memcpy(body.id.idiag_src, question.peer.bytes.data(), sizeof body.id.idiag_src);
  std::memcpy(body.id.idiag_dst, question.own.bytes.data(), sizeof body.id.idiag_dst);
  body.id.idiag_if = zone_of(question);
  std::ranges::fill(body.id.idiag_cookie, INET_DIAG_NOCOOKIE);
  return encode(NLM_F_REQUEST, sequence, body);
}

std::optional<PeerOwner> decode_answer(std::span<const std::byte> datagram, const Question& question,
                                       std::uint32_t sequence, std::uint32_t overflow_uid) {
  const std::optional<Message> message = find_message(datagram, sequence);
  if (!message) return std::nullopt;
  if (message->header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
    const auto socket = body_as<inet_diag_msg>(*message);
    return socket ? owner_of(*socket, question, overflow_uid) : PeerOwner::unknown(OwnerStatus::no_answer);
  }
  return PeerOwner::unknown(error_in(*message) == ENOENT ? OwnerStatus::not_found : OwnerStatus::no_answer);
}

Request encode_probe(std::uint32_t sequence) {
  inet_diag_req_v2 body{};
  body.sdiag_family = AF_INET;
  body.sdiag_protocol = IPPROTO_TCP;
  return encode(NLM_F_REQUEST | NLM_F_DUMP, sequence, body);
}

std::optional<int> decode_probe(std::span<const std::byte> datagram, std::uint32_t sequence) {
  const std::optional<Message> message = find_message(datagram, sequence);
  return message ? std::optional<int>(error_in(*message)) : std::nullopt;
}

}  // namespace distflow::io::sock_diag
