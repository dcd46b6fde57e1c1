#include "runtime/peers/directory.hpp"

#include <span>
#include <unordered_set>
#include <utility>

#include "base/room.hpp"

namespace distflow::runtime {
namespace {

base::SipHash make_hash(io::Backend& backend) {
  base::SipKey key{};
  backend.fill_random(std::as_writable_bytes(std::span(key)));
  return base::SipHash(key);
}

/// Takes a peer out of the list that owns it.
std::unique_ptr<Peer> taken(Peer& peer) {
  peer.unlink();
  return std::unique_ptr<Peer>(&peer);
}

}  // namespace

Directory::Directory(LinkParts& parts, TrafficTable& traffic, DirectoryObserver& observer, DirectoryOptions options)
    : parts_(parts),
      traffic_(traffic),
      observer_(observer),
      options_(std::move(options)),
      by_id_(make_hash(parts.reactor.backend())),
      by_alias_(make_hash(parts.reactor.backend())),
      grace_timer_(base::Delegate<void()>::to<&Directory::on_grace_over>(*this)) {}

Directory::~Directory() {
  for (Peers* peers : {&peers_, &departed_}) peers->for_each([](Peer& peer) { taken(peer).reset(); });
}

Peer& Directory::upsert(const KnownNode& node) {
  const PeerInfo& info = node.info;
  Peer* const found = by_id_.find(info.node_id);
  if (found != nullptr) found->takes_asks = node.takes_asks;
  Peer& peer = found == nullptr ? add(node) : *found;
  // Somebody else may have had the alias meanwhile, with nothing new about this peer.
  if (!peer.info.is(info) || (!info.alias.empty() && !leads_to(info.alias, peer))) change(peer, info);
  peer.is_suspect = false;
  peer.shares_connections = node.shares_connections;
  peer.shares_memory = node.shares_memory;
  if (peer.link) peer.link->set_peer(node.shares_connections, node.shares_memory, node.takes_asks);
  observer_.on_groups(peer.info);
  return peer;
}

/// For one more name. May throw.
template <class Names>
void Directory::make_room(Names& names) {
  const std::scoped_lock lock(mutex_);
  names.make_room();
}

/// Makes the peer's alias lead to it, and to no other peer any more. There must be room. Under the mutex.
void Directory::bind_alias(Peer& peer) {
  if (Peer* const holder = by_alias_.find(peer.info.alias())) by_alias_.erase(*holder);
  by_alias_.insert(peer);
}

Peer& Directory::add(const KnownNode& node) {
  const PeerInfo& info = node.info;
  auto added = std::make_unique<Peer>(info);
  added->is_self = info.node_id == options_.self;
  added->takes_asks = node.takes_asks;  // a handler that is notified below may ask the peer at once
  make_room(by_id_);
  if (!info.alias.empty()) make_room(by_alias_);
  Peer& peer = *added.release();  // nothing throws from here on
  {
    const std::scoped_lock lock(mutex_);
    peers_.push_back(peer);
    by_id_.insert(peer);
    if (!info.alias.empty()) bind_alias(peer);
  }
  // Another peer may have this nodeId as its alias, and the alias leads there: each node chooses its nodeId.
  observer_.on_binding(info.node_id, find(info.node_id));
  if (!info.alias.empty()) observer_.on_binding(info.alias, &peer);
  if (!peer.is_self) observer_.on_peer_join(info);
  return peer;
}

void Directory::make_link(Peer& peer) {
  const PeerInfo info = peer.info.unpack();
  // Frames of other threads count against the credit of the earlier link, if the peer has just moved.
  std::shared_ptr<SendCredit> credit;
  for (const auto& link : replaced_) {
    if (link->node_id() == info.node_id) credit = link->credit();
  }
  peer.link = std::make_unique<Link>(parts_, traffic_.of(info.node_id), info, std::move(credit));
  peer.link->set_peer(peer.shares_connections, peer.shares_memory, peer.takes_asks);
}

void Directory::change(Peer& peer, const PeerInfo& info) {
  base::PackedInfo changed(info);
  const bool binds_alias = !info.alias.empty() && !leads_to(info.alias, peer);
  if (binds_alias) make_room(by_alias_);
  const bool has_moved = peer.link && (peer.info.host() != info.host || peer.info.port() != info.port);
  if (has_moved) base::make_room(replaced_, replaced_.size() + 1);
  if (peer.info.alias() != info.alias) {
    if (peer.link) peer.link->traffic().was_sent_by_id = true;  // what waits was not sent to the alias to come
    unbind_alias(peer);
  }
  {
    const std::scoped_lock lock(mutex_);
    std::swap(peer.info, changed);
    if (binds_alias) bind_alias(peer);
  }
  if (has_moved) {
    // The next route to the peer makes a link to the new address.
    replaced_.push_back(std::move(peer.link));
    replaced_.back()->retire(&SendCounters::dropped_peer_left);
  }
  if (has_moved) observer_.on_binding(info.node_id, find(info.node_id));
  if (binds_alias || (has_moved && !info.alias.empty())) observer_.on_binding(info.alias, &peer);
}

void Directory::remove(std::string_view node_id) {
  if (Peer* const peer = by_id_.find(node_id)) leave(*peer, &SendCounters::dropped_peer_left);
}

void Directory::leave(Peer& peer, Counter SendCounters::*reason) {
  unbind_alias(peer);
  std::unique_ptr<Peer> leaving;
  {
    const std::scoped_lock lock(mutex_);
    by_id_.erase(peer);
    leaving = taken(peer);
  }
  observer_.on_gone(peer.info);
  observer_.on_binding(peer.info.node_id(), by_alias_.find(peer.info.node_id()));
  if (peer.link != nullptr) {  // else nothing refers to it any more
    departed_.push_back(*leaving.release());
    peer.link->retire(reason);  // first: who is notified of the leave knows by then what the link has dropped
  }
  if (!peer.is_self) observer_.on_peer_leave(peer.info);
}

bool Directory::leads_to(std::string_view alias, const Peer& peer) const { return by_alias_.find(alias) == &peer; }

void Directory::unbind_alias(Peer& peer) {
  if (!leads_to(peer.info.alias(), peer)) return;
  {
    const std::scoped_lock lock(mutex_);
    by_alias_.erase(peer);
  }
  observer_.on_binding(peer.info.alias(), nullptr);
}

void Directory::on_snapshot(std::span<const KnownNode> nodes, Absence absence) {
  std::unordered_set<std::string_view> present;
  for (const KnownNode& node : nodes) present.insert(node.info.node_id);
  std::vector<Peer*> missing;
  peers_.for_each([&](Peer& peer) {
    if (!present.contains(peer.info.node_id())) missing.push_back(&peer);
  });
  bool has_suspects = false;
  for (Peer* peer : missing) {
    if (absence == Absence::suspect) {
      peer->is_suspect = has_suspects = true;
    } else if (!peer->is_suspect) {
      leave(*peer, &SendCounters::dropped_peer_left);
    }
  }
  // Anew after each loss: a peer that had registered again has to do so once more.
  if (has_suspects) parts_.reactor.arm_after(grace_timer_, options_.rejoin_grace);
  for (const KnownNode& node : nodes) upsert(node);
}

void Directory::on_grace_over() {
  peers_.for_each([this](Peer& peer) {
    if (peer.is_suspect) leave(peer, &SendCounters::dropped_peer_left);  // takes it out
  });
}

Peer* Directory::find(std::string_view name) {
  Peer* const peer = by_alias_.find(name);
  return peer != nullptr ? peer : by_id_.find(name);
}

Peer* Directory::find_id(std::string_view node_id) { return by_id_.find(node_id); }

/// The list is short: links end within seconds, and only nodes of this user are in it.
Link* Directory::offerer(std::string_view node_id, const transport::Connection& connection) {
  Link* found = nullptr;
  const auto look_at = [&](Link* link) {
    if (link != nullptr && link->has_offered_on(connection)) found = link;
  };
  if (Peer* const peer = find_id(node_id)) look_at(peer->link.get());
  if (found != nullptr) return found;
  departed_.for_each([&](Peer& peer) { look_at(peer.link.get()); });
  for (const auto& link : replaced_) look_at(link.get());
  return found;
}

std::vector<PeerInfo> Directory::list() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PeerInfo> infos;
  infos.reserve(by_id_.size());
  for_each_other([&infos](const base::PackedInfo& info) { infos.push_back(info.unpack()); });
  return infos;
}

std::optional<PeerInfo> Directory::find_info(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  if (const Peer* const peer = by_alias_.find(name)) return peer->info.unpack();
  if (const Peer* const peer = by_id_.find(name)) return peer->info.unpack();
  return std::nullopt;
}

bool Directory::knows(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  return by_alias_.find(name) != nullptr || by_id_.find(name) != nullptr;
}

bool Directory::knows_id(std::string_view node_id) const {
  const std::scoped_lock lock(mutex_);
  return by_id_.find(node_id) != nullptr;
}

std::string Directory::alias_of(std::string_view node_id) const {
  const std::scoped_lock lock(mutex_);
  const Peer* const peer = by_id_.find(node_id);
  return peer == nullptr ? std::string() : std::string(peer->info.alias());
}

std::string_view Directory::alias_on_loop(std::string_view node_id) const {
  if (const Peer* const peer = by_id_.find(node_id)) return peer->info.alias();
  std::string_view alias;
  departed_.for_each([&](const Peer& peer) {
    if (peer.info.node_id() == node_id) alias = peer.info.alias();
  });
  return alias;
}

std::size_t Directory::first_names(std::span<std::string_view> names) const {
  std::size_t count = 0;
  for_each_other([&](const base::PackedInfo& info) {
    if (count < names.size()) names[count] = info.alias().empty() ? info.node_id() : info.alias();
    ++count;
  });
  return count;
}

void Directory::begin_shutdown() {
  parts_.reactor.timers().cancel(grace_timer_);
  departed_.for_each([](Peer& peer) { peer.link->stop_lingering(); });
  for (const auto& link : replaced_) link->stop_lingering();
  Peers all;
  {
    const std::scoped_lock lock(mutex_);
    all.take(peers_);
    by_id_.clear();
    by_alias_.clear();
  }
  all.for_each([this](Peer& peer) {
    std::unique_ptr<Peer> leaving = taken(peer);
    if (peer.link == nullptr) return;
    departed_.push_back(*leaving.release());
    peer.link->retire(&SendCounters::dropped_shutdown);
  });
}

void Directory::abort() {
  departed_.for_each([](Peer& peer) { peer.link->abort(); });
  for (const auto& link : replaced_) link->abort();
}

void Directory::reap() {
  departed_.for_each([](Peer& peer) {
    if (peer.link->is_finished()) taken(peer).reset();
  });
  std::erase_if(replaced_, [](const auto& link) { return link->is_finished(); });
}

}  // namespace distflow::runtime
