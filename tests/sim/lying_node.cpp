#include "tests/sim/lying_node.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>
#include <new>

#include "protocol/json_write.hpp"
#include "protocol/pmd_request.hpp"
#include "tests/sim/lying_node_memory.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;
using Kind = protocol::ControlFrame::Kind;

constexpr std::uint32_t kOtherUser = 1001;
constexpr std::size_t kTalksMax = 16;
constexpr std::uint64_t kLiesAtOnceMax = 4;
constexpr Kind kKinds[] = {Kind::both, Kind::one, Kind::end, Kind::memory, Kind::mapped, Kind::unmapped, Kind::moved};

std::string message(const std::string& from, const std::string& to, const std::string& payload) {
  std::string body = R"({"from":)";
  protocol::append_json_string(body, from);
  body += R"(,"to":)";
  protocol::append_json_string(body, to);
  if (!payload.empty()) body += R"(,"payload":)" + payload;
  return body + R"(,"timestamp":1})";
}

}  // namespace

LyingNode::LyingNode(Lore& lore, std::string label, std::uint64_t seed)
    : Liar(lore, std::move(label), seed),
      node_id_(new_id()),
      listener_(listen(0)),
      is_busy_(chance(0.5)),
      is_rude_(chance(0.5)),
      speaks_openly_(chance(0.5)),
      is_same_user_(chance(0.7)) {
  if (!is_same_user_) process_.set_user(io::PeerOwner::user(kOtherUser));
}

LyingNode::~LyingNode() = default;

void LyingNode::act() {
  register_if_needed();
  accept_all();
  // By its place: what is heard may open another.
  for (std::size_t i = 0; i < talks_.size(); ++i) hear(*talks_[i]);
  std::uint64_t lies = is_busy_ ? 1 + uniform(kLiesAtOnceMax) : uniform(2);
  for (; lies > 0; --lies) lie();
  std::erase_if(talks_, [](const auto& talk) { return talk->is_over; });
}

/// As an honest node with both caps: who is registered is sent messages, and offered memory.
void LyingNode::register_if_needed() {
  if (pmd_ && !pmd_->is_over) {
    exchange(*pmd_);
    pmd_->in.clear();
    if (chance(0.998)) return;
    close(*pmd_);
  }
  pmd_ = dial<Talk>(lore_.pmd_port);
  if (!pmd_) return;
  protocol::Registration registration;
  registration.node = {.node_id = node_id_, .alias = label_, .host = "127.0.0.1", .port = port_of(listener_)};
  registration.node.caps = {std::string(protocol::kSharingCap), std::string(protocol::kMemoryCap)};
  say(*pmd_, protocol::register_request("1", registration));
}

void LyingNode::accept_all() {
  while (auto talk = accept<NodeTalk>(listener_)) {
    if (talks_.size() >= kTalksMax || chance(0.05)) {
      close(*talk);
    } else {
      talks_.push_back(std::move(talk));
    }
  }
}

// ---- What nodes say.

void LyingNode::hear(NodeTalk& talk) {
  exchange(talk);
  protocol::EnvelopeScratch scratch;
  for (std::string body; !talk.is_over && next_frame(talk, body);) {
    protocol::Envelope envelope;
    if (!protocol::decode(body, envelope, scratch)) continue;
    talk.node_id = envelope.from;
    if (envelope.has_payload()) continue;
    if (const auto notice = protocol::read_control_frame(body)) hear_notice(talk, envelope, *notice);
  }
}

void LyingNode::hear_notice(NodeTalk& talk, const protocol::Envelope& envelope, const Notice& notice) {
  lore_.network.trace("%s hears notice %d of %.*s", label_.c_str(), static_cast<int>(notice.kind),
                      static_cast<int>(envelope.from.size()), envelope.from.data());
  if (!notice.nonce.empty()) lore_.nonces.push_back(notice.nonce);
  switch (notice.kind) {
    case Kind::both: return answer_both(talk, envelope);
    case Kind::memory: return answer_memory(talk, envelope, notice);
    case Kind::mapped:
      if (!talk.shared || talk.offers == 0) return;
      if (talk.shared->is_false && talk.offers == 1)
        lore_.failure = talk.node_id + " takes memory of another nonce, or of no ring's size";
      talk.shared->is_used = true;
      if (chance(0.8)) tell(talk, node_id_, std::string(envelope.from), {.kind = Kind::moved});
      return;
    case Kind::moved:
      if (talk.shared) talk.shared->is_used = true;
      return;
    case Kind::end:
      if (chance(0.5)) close(talk);
      return;
    default: return;
  }
}

/// What whoever opens a connection says first, or the answer to it.
void LyingNode::answer_both(NodeTalk& talk, const protocol::Envelope& envelope) {
  if (talk.is_own) return;
  answer(talk, &talk, node_id_, std::string(envelope.from), {.kind = chance(0.9) ? Kind::both : Kind::one});
}

void LyingNode::answer_memory(NodeTalk& talk, const protocol::Envelope& envelope, const Notice& offer) {
  auto memory = process_.open_memory(offer.memory_name, lane_size(offer.ring_size));
  const bool is_taken = memory && !talk.shared;
  if (is_taken) {
    talk.shared = Shared{.memory = *std::move(memory), .ring_size = offer.ring_size, .own = 1, .nonce = offer.nonce};
  }
  answer(talk, &talk, node_id_, std::string(envelope.from),
         {.kind = is_taken && chance(0.9) ? Kind::mapped : Kind::unmapped});
}

/// Rightly, or not: `right` is where the answer belongs, if there is such a connection.
void LyingNode::answer(NodeTalk& talk, NodeTalk* right, const std::string& from, const std::string& to,
                       const Notice& notice) {
  if (!lore_.answers_falsely || chance(0.4)) {
    if (right == nullptr) return;
    tell(*right, from, to, notice);
    if (right->shared && notice.kind == Kind::mapped) right->shared->is_used = true;
    return;
  }
  lore_.network.count(Fault::false_answer);
  Notice other = notice;
  switch (uniform(8)) {
    case 0:  // on any connection, which may be somebody else's
      if (NodeTalk* const any = some_talk()) tell(*any, from, to, notice);
      return;
    case 1: tell(talk, from, to, notice); return tell(talk, from, to, notice);
    case 2:
    case 3: other.kind = kKinds[uniform(std::size(kKinds))]; return tell(talk, from, to, other);
    case 4:
    case 7:
      lore_.late.push_back({.to = to, .body = protocol::write_control_frame(from, to, 1, notice)});
      if (chance(0.5)) say_bytes(talk, std::string_view("\0\0", 2));  // half a header
      return;
    case 5:
      if (NodeTalk* const own = own_talk_to(to)) return tell(*own, some_sender(), to, notice);
      return;
    default:
      if (right != nullptr) close(*right);
  }
}

// ---- What the liar says.

void LyingNode::lie() {
  const std::uint64_t dice = uniform(100);
  if (dice < 12) return dial_somebody();
  NodeTalk* const talk = some_talk();
  if (talk == nullptr) return dial_somebody();
  if (dice < 45) return say_message(*talk);
  if (dice < 67) return say_notice(*talk);
  if (dice < 75) return offer_memory(*talk);
  if (dice < 92) return use_memory(*talk);
  if (dice < 96) return say_late();
  if (!is_rude_ && !chance(0.05)) return say_message(*talk);
  lore_.network.count(Fault::lying_node);
  misbehave(*talk);
}

/// On a connection of whoever asked to this liar, if there is one, hence on another one than the answer belongs to.
void LyingNode::say_late() {
  if (lore_.late.empty()) return;
  const std::size_t which = uniform(lore_.late.size());
  const Lore::Late late = lore_.late[which];
  lore_.late.erase(lore_.late.begin() + static_cast<std::ptrdiff_t>(which));
  for (const auto& talk : talks_) {
    if (!talk->is_over && talk->node_id == late.to && chance(0.7)) return say_node(*talk, node_id_, late.to, late.body);
  }
}

void LyingNode::dial_somebody() {
  const Rumour* const node = some_node();
  if (node == nullptr || talks_.size() >= kTalksMax) return;
  auto talk = dial<NodeTalk>(node->port);
  if (!talk) return;
  talk->is_own = true;
  talk->node_id = node->node_id;
  if (chance(0.7)) tell(*talk, some_sender(), node->node_id, {.kind = Kind::both});
  talks_.push_back(std::move(talk));
}

void LyingNode::say_message(NodeTalk& talk) {
  const std::string from = some_sender();
  const std::string to = some_receiver(talk);
  for (std::uint64_t count = chance(0.1) ? uniform(30) : 1; count > 0 && !talk.is_over; --count) {
    say_node(talk, from, to, message(from, to, chance(0.1) ? std::string() : false_payload()));
  }
}

void LyingNode::say_notice(NodeTalk& talk) {
  Notice notice{.kind = kKinds[uniform(std::size(kKinds))]};
  if (notice.kind == Kind::memory) {
    notice.nonce = talk.shared && chance(0.5) ? talk.shared->nonce : some_nonce();
    name_memory(notice);
  }
  tell(talk, some_sender(), some_receiver(talk), notice);
}

/// Memory of others, which whoever runs on their machine may know of; or none.
void LyingNode::name_memory(Notice& notice) {
  constexpr std::uint64_t sizes[] = {0, 1, 4096, 8192, 12'288, std::uint64_t{1} << 24U, std::uint64_t{1} << 63U};
  notice.ring_size = sizes[uniform(std::size(sizes))];
  notice.memory_name = std::to_string(uniform(12)) + "/" + std::to_string(uniform(12));
  const auto& memories = lore_.network.memories();
  if (memories.empty() || chance(0.2)) return;
  const auto memory = std::next(memories.begin(), static_cast<std::ptrdiff_t>(uniform(memories.size())));
  notice.memory_name = memory->first;
  notice.ring_size = ring_size_in(memory->second.size);
  const auto& header = *std::launder(reinterpret_cast<const stream::MemoryHeader*>(memory->second.bytes.get()));
  if (std::ranges::equal(notice.nonce, header.nonce)) lore_.shares_foreign_memory = true;
}

/// Memory that is as it should be, most often; or of a size that no ring has, or with another nonce.
void LyingNode::offer_memory(NodeTalk& talk) {
  if (!talk.is_own || (talk.shared && chance(0.9))) return say_notice(talk);
  constexpr std::size_t sizes[] = {4096, 8192, 16'384, 12'288, 0};
  const std::size_t ring_size = sizes[uniform(chance(0.8) ? 3 : std::size(sizes))];
  auto memory = process_.create_memory(lane_size(ring_size));
  if (!memory) return;
  const Notice offer{.kind = Kind::memory, .nonce = new_id(), .memory_name = memory->name, .ring_size = ring_size};
  const bool is_other = chance(0.1);
  prepare_lane(*memory, is_other ? new_id() : offer.nonce);
  talk.shared = Shared{.memory = *std::move(memory),
                       .ring_size = ring_size,
                       .own = 0,
                       .nonce = offer.nonce,
                       .is_false = is_other || !stream::is_ring_size(ring_size)};
  lore_.nonces.push_back(offer.nonce);
  tell(talk, node_id_, talk.node_id, offer);
}

void LyingNode::use_memory(NodeTalk& talk) {
  if (!talk.shared || !stream::is_ring_size(talk.shared->ring_size)) return say_message(talk);
  if (lore_.breaks_rings && chance(talk.shared->is_used ? 0.15 : 0.05)) return break_ring(talk);
  write_in_ring(talk);
}

void LyingNode::write_in_ring(NodeTalk& talk) {
  Shared& shared = *talk.shared;
  if (!shared.writer)
    shared.writer = std::make_unique<stream::RingWriter>(ring_of(shared.memory, shared.ring_size, shared.own));
  const std::string from = some_sender();
  const std::string to = some_receiver(talk);
  std::string body = message(from, to, false_payload());
  if (chance(0.2)) {
    body = protocol::write_control_frame(
        from, to, 1,
        {.kind = kKinds[uniform(std::size(kKinds))], .nonce = some_nonce(), .memory_name = "1/1", .ring_size = 4096});
  }
  ++lore_.forged[{from, to}];
  const std::string frame = framed(body);
  shared.writer->write(chance(0.9) ? frame : frame.substr(0, uniform(frame.size())));
  lore_.network.count(Fault::lying_node);
  if (shared.writer->is_reader_to_be_woken() || chance(0.2)) say_bytes(talk, std::string_view("\0", 1));
  // Takes what came, so that the node goes on.
  stream::RingControl& incoming = ring_of(shared.memory, shared.ring_size, 1 - shared.own).control;
  incoming.taken.store(incoming.written.load());
  if (incoming.writer_waits.take()) say_bytes(talk, std::string_view("\0", 1));
}

void LyingNode::break_ring(NodeTalk& talk) {
  Shared& shared = *talk.shared;
  const stream::RingMemory written = ring_of(shared.memory, shared.ring_size, shared.own);
  const stream::RingMemory read = ring_of(shared.memory, shared.ring_size, 1 - shared.own);
  const std::uint64_t wild = chance(0.5) ? random_.next() : uniform(4 * shared.ring_size);
  switch (uniform(8)) {
    case 6:
    case 7: repeat_in_ring(talk, written); break;
    case 0: written.control.written.store(wild); break;
    case 1: read.control.taken.store(wild); break;
    case 2: written.control.written.fetch_sub(1 + uniform(100)); break;
    case 3: read.control.taken.store(read.control.written.load() + 1 + uniform(100)); break;
    case 4: written.control.written.store(written.control.taken.load() + shared.ring_size + 1); break;
    default: {  // all of it, at once
      std::memset(shared.memory.bytes.get(), static_cast<int>(uniform(256)), shared.memory.size);
      written.control.writer_waits.retract();  // nobody waits there who would have to be woken
    }
  }
  lore_.network.trace("%s breaks a ring that is %s", label_.c_str(), shared.is_used ? "used" : "not used");
  lore_.readers_of_broken_rings.insert(talk.node_id);
  if (shared.is_used) lore_.network.count(Fault::broken_ring);
  say_bytes(talk, std::string_view("\0", 1));
}

/// Fills a ring with one message over and over, from where the reader will be, and says that there are far more.
void LyingNode::repeat_in_ring(NodeTalk& talk, const stream::RingMemory& ring) {
  constexpr std::size_t period = 256;
  std::string frame = framed(message(node_id_, talk.node_id, R"({"false":0,"x":""})"));
  if (frame.size() > period || !stream::is_ring_size(ring.bytes.size())) return;
  frame =
      framed(message(node_id_, talk.node_id, R"({"false":0,"x":")" + std::string(period - frame.size(), 'z') + "\"}"));
  const std::uint64_t from = ring.control.written.load();
  for (std::uint64_t i = 0; i < ring.bytes.size(); ++i) {
    ring.bytes[(from + i) % ring.bytes.size()] = frame[i % period];
  }
  ring.control.written.store(from + (std::uint64_t{1} << 40U));
}

void LyingNode::say_node(NodeTalk& talk, const std::string& from, const std::string& to, const std::string& body) {
  ++lore_.forged[{from, to}];
  if (!talk.is_over) lore_.network.count(Fault::lying_node);
  say(talk, body);
}

void LyingNode::tell(NodeTalk& talk, const std::string& claimed, const std::string& to, const Notice& notice) {
  // Two processes of one user have no boundary that a node could defend.
  const std::string& from = notice.kind == Kind::both && is_same_user_ ? node_id_ : claimed;
  if (notice.kind == Kind::memory) ++talk.offers;
  lore_.network.trace("%s tells notice %d from %s to %s", label_.c_str(), static_cast<int>(notice.kind), from.c_str(),
                      to.c_str());
  say_node(talk, from, to, protocol::write_control_frame(from, to, 1, notice));
}

// ---- Whom, and as whom.

LyingNode::NodeTalk* LyingNode::some_talk() { return talks_.empty() ? nullptr : talks_[uniform(talks_.size())].get(); }

LyingNode::NodeTalk* LyingNode::own_talk_to(const std::string& node_id) {
  const auto found = std::ranges::find_if(
      talks_, [&](const auto& talk) { return talk->is_own && !talk->is_over && talk->node_id == node_id; });
  return found == talks_.end() ? nullptr : found->get();
}

std::string LyingNode::some_sender() {
  if (chance(0.5) && speaks_openly_) return node_id_;
  if (chance(0.1)) return "nobody" + std::to_string(uniform(100));
  const Rumour* const node = some_node();
  return node == nullptr ? "nobody" : chance(0.9) ? node->node_id : node->alias;
}

std::string LyingNode::some_receiver(const NodeTalk& talk) {
  if (!talk.node_id.empty() && chance(0.9)) return talk.node_id;
  const Rumour* const node = some_node();
  return node == nullptr ? node_id_ : node->node_id;
}

}  // namespace distflow::test
