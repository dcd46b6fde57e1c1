#include "runtime/directory.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "protocol/envelope.hpp"

namespace distflow::runtime {

Directory::Directory(LinkParts& parts, TrafficTable& traffic, DirectoryObserver& observer, DirectoryOptions options)
    : parts_(parts),
      traffic_(traffic),
      observer_(observer),
      options_(std::move(options)),
      grace_timer_(base::Delegate<void()>::to<&Directory::on_grace_over>(*this)) {}

Directory::~Directory() = default;

Peer& Directory::upsert(const KnownNode& node) {
  const PeerInfo& info = node.info;
  if (const auto found = by_id_.find(info.node_id); found != by_id_.end()) {
    Peer& peer = *found->second;
    peer.is_suspect = false;
    peer.shares_connections = node.shares_connections;
    peer.shares_memory = node.shares_memory;
    // Somebody else may have had the alias meanwhile, with nothing new about this peer.
    const bool binds_alias = !info.alias.empty() && !leads_to(info.alias, peer);
    if (peer.info == info && !binds_alias) return peer;
    const bool has_moved = peer.info.host != info.host || peer.info.port != info.port;
    if (peer.info.alias != info.alias) unbind_alias(peer);
    {
      const std::scoped_lock lock(mutex_);
      peer.info = info;
      if (binds_alias) by_alias_[info.alias] = &peer;
    }
    if (has_moved) replace_link(peer);
    peer.link->set_memory_peer(node.shares_memory);
    if (binds_alias) observer_.on_binding(info.alias, &peer);
    return peer;
  }

  auto added = std::make_unique<Peer>();
  Peer& peer = *added;
  peer.info = info;
  peer.is_self = info.node_id == options_.self;
  peer.shares_connections = node.shares_connections;
  peer.shares_memory = node.shares_memory;
  peer.prefix = protocol::envelope_prefix(options_.self, info.node_id);
  peer.traffic = &traffic_.of(info.node_id);
  peer.link = std::make_unique<Link>(parts_, *peer.traffic, info);
  peer.link->set_memory_peer(node.shares_memory);
  {
    const std::scoped_lock lock(mutex_);
    peers_.push_back(std::move(added));
    by_id_[info.node_id] = &peer;
    if (!info.alias.empty()) by_alias_[info.alias] = &peer;
  }
  observer_.on_binding(info.node_id, &peer);
  if (!info.alias.empty()) observer_.on_binding(info.alias, &peer);
  if (!peer.is_self) observer_.on_peer_join(peer);
  return peer;
}

void Directory::remove(std::string_view node_id) {
  if (const auto found = by_id_.find(node_id); found != by_id_.end()) {
    leave(*found->second, &SendCounters::dropped_peer_left);
  }
}

void Directory::leave(Peer& peer, Counter SendCounters::*reason) {
  unbind_alias(peer);
  PeerPtr leaving;
  {
    const std::scoped_lock lock(mutex_);
    by_id_.erase(peer.info.node_id);
    const auto place =
        std::find_if(peers_.begin(), peers_.end(), [&peer](const PeerPtr& p) { return p.get() == &peer; });
    leaving = std::move(*place);
    peers_.erase(place);
  }
  departed_.push_back(std::move(leaving));
  observer_.on_binding(peer.info.node_id, nullptr);
  peer.link->retire(reason);
  if (!peer.is_self) observer_.on_peer_leave(peer);
}

bool Directory::leads_to(std::string_view alias, const Peer& peer) const {
  const auto found = by_alias_.find(alias);
  return found != by_alias_.end() && found->second == &peer;
}

void Directory::unbind_alias(const Peer& peer) {
  if (!leads_to(peer.info.alias, peer)) return;
  {
    const std::scoped_lock lock(mutex_);
    by_alias_.erase(by_alias_.find(peer.info.alias));
  }
  observer_.on_binding(peer.info.alias, nullptr);
}

void Directory::replace_link(Peer& peer) {
  std::unique_ptr<Link> old = std::exchange(peer.link, std::make_unique<Link>(parts_, *peer.traffic, peer.info));
  old->retire(&SendCounters::dropped_peer_left);
  replaced_.push_back(std::move(old));
}

void Directory::on_snapshot(std::span<const KnownNode> nodes, Absence absence) {
  std::unordered_set<std::string_view> present;
  for (const KnownNode& node : nodes) present.insert(node.info.node_id);
  std::vector<Peer*> missing;
  for (const PeerPtr& peer : peers_) {
    if (!present.contains(peer->info.node_id)) missing.push_back(peer.get());
  }
  bool has_suspects = false;
  for (Peer* peer : missing) {
    if (absence == Absence::suspect) {
      peer->is_suspect = has_suspects = true;
    } else if (!peer->is_suspect) {
      leave(*peer, &SendCounters::dropped_peer_left);
    }
  }
  for (const KnownNode& node : nodes) upsert(node);
  // Anew after each loss: a peer that had registered again has to do so once more.
  if (has_suspects) parts_.reactor.arm_after(grace_timer_, options_.rejoin_grace);
}

void Directory::on_grace_over() {
  std::vector<Peer*> gone;
  for (const PeerPtr& peer : peers_) {
    if (peer->is_suspect) gone.push_back(peer.get());
  }
  for (Peer* peer : gone) leave(*peer, &SendCounters::dropped_peer_left);
}

Peer* Directory::find(std::string_view name) {
  if (const auto found = by_alias_.find(name); found != by_alias_.end()) return found->second;
  return find_id(name);
}

Peer* Directory::find_id(std::string_view node_id) {
  const auto found = by_id_.find(node_id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::vector<PeerInfo> Directory::list() const {
  const std::scoped_lock lock(mutex_);
  std::vector<PeerInfo> infos;
  infos.reserve(peers_.size());
  for (const PeerPtr& peer : peers_) {
    if (!peer->is_self) infos.push_back(peer->info);
  }
  return infos;
}

std::optional<PeerInfo> Directory::find_info(std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  if (const auto found = by_alias_.find(name); found != by_alias_.end()) return found->second->info;
  if (const auto found = by_id_.find(name); found != by_id_.end()) return found->second->info;
  return std::nullopt;
}

std::string Directory::alias_of(std::string_view node_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = by_id_.find(node_id);
  return found == by_id_.end() ? std::string() : found->second->info.alias;
}

std::string_view Directory::alias_on_loop(std::string_view node_id) const {
  if (const auto found = by_id_.find(node_id); found != by_id_.end()) return found->second->info.alias;
  for (const PeerPtr& peer : departed_) {
    if (peer->info.node_id == node_id) return peer->info.alias;
  }
  return {};
}

void Directory::begin_shutdown() {
  parts_.reactor.timers().cancel(grace_timer_);
  std::vector<PeerPtr> all;
  {
    const std::scoped_lock lock(mutex_);
    all.swap(peers_);
    by_id_.clear();
    by_alias_.clear();
  }
  for (const PeerPtr& peer : departed_) peer->link->stop_lingering();
  for (const auto& link : replaced_) link->stop_lingering();
  for (PeerPtr& peer : all) {
    Link& link = *peer->link;
    departed_.push_back(std::move(peer));
    link.retire(&SendCounters::dropped_shutdown);
  }
}

void Directory::abort() {
  for (const PeerPtr& peer : departed_) peer->link->abort();
  for (const auto& link : replaced_) link->abort();
}

void Directory::reap() {
  std::erase_if(departed_, [](const PeerPtr& peer) { return peer->link->is_finished(); });
  std::erase_if(replaced_, [](const auto& link) { return link->is_finished(); });
}

}  // namespace distflow::runtime
