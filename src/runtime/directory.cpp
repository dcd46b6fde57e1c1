#include "runtime/directory.hpp"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/room.hpp"
#include "protocol/envelope.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kNamesAtFirst = 16;

}  // namespace

Directory::Directory(LinkParts& parts, TrafficTable& traffic, DirectoryObserver& observer, DirectoryOptions options)
    : parts_(parts),
      traffic_(traffic),
      observer_(observer),
      options_(std::move(options)),
      grace_timer_(base::Delegate<void()>::to<&Directory::on_grace_over>(*this)) {
  // An index with its first, single bucket grows with its first name whatever its load: prepare() could not see that.
  for (Names* names : {&by_id_, &by_alias_}) names->reserve(kNamesAtFirst);
}

Directory::~Directory() = default;

Peer& Directory::upsert(const KnownNode& node) {
  const PeerInfo& info = node.info;
  const auto found = by_id_.find(info.node_id);
  Peer& peer = found == by_id_.end() ? add(node) : *found->second;
  // Somebody else may have had the alias meanwhile, with nothing new about this peer.
  if (peer.info != info || (!info.alias.empty() && !leads_to(info.alias, peer))) change(peer, info);
  peer.is_suspect = false;
  peer.shares_connections = node.shares_connections;
  peer.shares_memory = node.shares_memory;
  peer.link->set_memory_peer(node.shares_memory);
  return peer;
}

/// The place of a name in an index, made before anything changes. May throw.
Directory::Names::node_type Directory::prepare(Names& names, const std::string& name, Peer& peer) {
  Names made;
  made.emplace(name, &peer);
  const std::size_t count = names.size() + 1;
  if (static_cast<float>(count) > names.max_load_factor() * static_cast<float>(names.bucket_count())) {
    const std::scoped_lock lock(mutex_);
    names.reserve(2 * count);
  }
  return made.extract(made.begin());
}

/// Has the name lead to the peer that it was prepared for.
void Directory::bind(Names& names, Names::node_type&& prepared) {
  if (prepared.empty()) return;
  const auto outcome = names.insert(std::move(prepared));
  if (!outcome.inserted) outcome.position->second = outcome.node.mapped();
}

Peer& Directory::add(const KnownNode& node) {
  const PeerInfo& info = node.info;
  auto added = std::make_unique<Peer>();
  Peer& peer = *added;
  peer.info = info;
  peer.is_self = info.node_id == options_.self;
  peer.prefix = protocol::envelope_prefix(options_.self, info.node_id);
  peer.traffic = &traffic_.of(info.node_id);
  peer.link = std::make_unique<Link>(parts_, *peer.traffic, info);
  Names::node_type id = prepare(by_id_, info.node_id, peer);
  Names::node_type alias;
  if (!info.alias.empty()) alias = prepare(by_alias_, info.alias, peer);
  base::make_room(departed_, departed_.size() + peers_.size() + 1);  // for its leave, and for everybody's
  {
    const std::scoped_lock lock(mutex_);
    peers_.push_back(std::move(added));
    bind(by_id_, std::move(id));
    bind(by_alias_, std::move(alias));
  }
  observer_.on_binding(info.node_id, &peer);
  if (!info.alias.empty()) observer_.on_binding(info.alias, &peer);
  if (!peer.is_self) observer_.on_peer_join(peer);
  return peer;
}

void Directory::change(Peer& peer, const PeerInfo& info) {
  PeerInfo changed = info;
  const bool binds_alias = !info.alias.empty() && !leads_to(info.alias, peer);
  Names::node_type alias;
  if (binds_alias) alias = prepare(by_alias_, info.alias, peer);
  std::unique_ptr<Link> link;
  if (peer.info.host != info.host || peer.info.port != info.port) {
    link = std::make_unique<Link>(parts_, *peer.traffic, info);
    base::make_room(replaced_, replaced_.size() + 1);
  }
  if (peer.info.alias != info.alias) unbind_alias(peer);
  {
    const std::scoped_lock lock(mutex_);
    std::swap(peer.info, changed);
    bind(by_alias_, std::move(alias));
  }
  if (link) {
    link.swap(peer.link);
    link->retire(&SendCounters::dropped_peer_left);
    replaced_.push_back(std::move(link));
  }
  if (binds_alias) observer_.on_binding(info.alias, &peer);
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
  // Anew after each loss: a peer that had registered again has to do so once more.
  if (has_suspects) parts_.reactor.arm_after(grace_timer_, options_.rejoin_grace);
  for (const KnownNode& node : nodes) upsert(node);
}

void Directory::on_grace_over() {
  for (std::size_t i = 0; i < peers_.size();) {
    Peer& peer = *peers_[i];
    if (!peer.is_suspect) {
      ++i;
    } else {
      leave(peer, &SendCounters::dropped_peer_left);  // takes it out
    }
  }
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
