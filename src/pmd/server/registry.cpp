#include "pmd/server/registry.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.hpp"
#include "base/room.hpp"

namespace distflow::pmd {
namespace {

/// Takes as long whatever they have in common, so that nobody finds out a secret piece by piece.
bool is_same_secret(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0 && !a.empty();
}

/// The name where it stands in the text; where it is itself if it stands there with escapes only.
std::string_view key_of(const std::string& name, const protocol::NodeText& text) {
  const std::string_view names = text.before_heartbeat();
  const std::size_t at = names.find(name);
  return at == std::string_view::npos ? name : names.substr(at, name.size());
}

/// Has the memory come that a look-up reads: the keys, and the text of most nodes.
void prefetch_read_part(const Registry::Entry& entry) {
  constexpr std::size_t cache_line = 64;
  const auto* bytes = reinterpret_cast<const char*>(&entry);
  const auto* end = reinterpret_cast<const char*>(&entry.node);
  for (; bytes < end; bytes += cache_line) __builtin_prefetch(bytes);
}

void set_heartbeat(protocol::NodeInfo& node, protocol::NodeText& text, base::WallMs wall) {
  if (node.last_heartbeat_ms == wall) return;
  node.last_heartbeat_ms = wall;
  if (!text.write_heartbeat(wall)) text.write(node);
}

}  // namespace

Registry::~Registry() {
  for (Entry& entry : entries_) entry.unlink();
  while (!gone_.empty()) gone_.pop_front();
}

/// Joined or replaced if nobody else has a right to one of the names.
Registry::Verdict Registry::judge_names(const Claim& claim) const {
  const Entry* entry = by_node_id_.find(claim.node.node_id);
  if (claim.node.alias) {
    const Entry* holder = by_alias_.find(*claim.node.alias);
    if (holder != nullptr && holder != entry) return {Status::alias_in_use, holder};
  }
  if (entry == nullptr) return {Status::joined, nullptr};
  const bool is_own = entry->owner == claim.owner || is_gone(entry->owner);
  if (!is_own && !is_same_secret(entry->secret, claim.secret)) return {Status::node_id_in_use, entry};
  return {Status::replaced, nullptr};
}

Registry::Verdict Registry::judge(const Claim& claim) const {
  const Verdict names = judge_names(claim);
  if (names.holder != nullptr) return names;
  const Entry* entry = names.status == Status::joined ? nullptr : by_node_id_.find(claim.node.node_id);
  return {check_bounds(claim, entry), nullptr};
}

Registry::Outcome Registry::register_node(OwnerId owner, const protocol::Registration& registration, base::Instant now,
                                          base::WallMs wall) {
  Change change = change_of(owner, registration, wall);
  const Verdict names = judge_names(change);
  return names.holder != nullptr ? Outcome{names.status, names.holder} : apply(change, now, wall);
}

Registry::Outcome Registry::apply(Change& change, base::Instant now, base::WallMs wall) {
  Entry* entry = by_node_id_.find(change.node.node_id);
  if (change.node.alias) {
    const Entry* holder = by_alias_.find(*change.node.alias);
    if (holder != nullptr && holder != entry) return {Status::alias_in_use, holder};
  }
  const Status status = check_bounds(change, entry);
  if (status != Status::joined && status != Status::replaced) return {status, nullptr};

  // All that may run out of memory comes first, and what others see of it last.
  set_heartbeat(change.node, change.text, wall);
  const OwnerId loser = entry == nullptr || entry->owner == change.owner ? 0 : entry->owner;
  const bool may_have_moved = loser != 0 || (entry != nullptr && change.owner == kStoreOwner);
  std::optional<Departure> departure;
  if (may_have_moved && (entry->node.host != change.node.host || entry->node.port != change.node.port)) {
    departure = {entry->node, {}, 0, entry->owner};
    departure->text.write(entry->node);
  }
  by_node_id_.make_room();
  by_alias_.make_room();
  Expiries expiry;
  if (change.ttl) expiry.emplace(base::saturating_add(now, *change.ttl), nullptr);
  Entries fresh;
  if (entry == nullptr) fresh.emplace_back();
  try {
    by_owner_.try_emplace(change.owner);
    if (change.user) by_user_.try_emplace(*change.user);
    if (entry == nullptr) {
      pages_.append(fresh.back().listed, change.text.json());
    } else {
      pages_.replace(entry->listed, change.text.json());
    }
  } catch (const std::bad_alloc&) {
    forget_without_entries(change.owner, change.user);
    throw;
  }

  if (departure) departure->revision = ++revision_;
  if (entry == nullptr) {
    entries_.splice(entries_.end(), fresh);
    entry = &entries_.back();
    entry->place = std::prev(entries_.end());
    entry->number = ++last_number_;
  } else {
    unlink(*entry);
  }
  entry->node = std::move(change.node);
  entry->text = std::move(change.text);
  find_keys(*entry);
  const OwnerId owner_before = std::exchange(entry->owner, change.owner);
  const UserId user_before = std::exchange(entry->user, change.user);
  entry->secret = std::move(change.secret);
  entry->ttl_declared = change.ttl;
  entry->bytes = change.bytes;
  link(*entry);
  forget_without_entries(owner_before, user_before);
  if (change.ttl) {
    expiry.begin()->second = entry;
    entry->expiry = by_expiry_.insert(expiry.extract(expiry.begin()));
  }
  ++revision_;
  return {status, entry, loser, std::move(departure)};
}

std::optional<Registry::Departure> Registry::remove_node(std::string_view node_id) {
  Entry* entry = by_node_id_.find(node_id);
  if (entry == nullptr) return std::nullopt;
  return remove(*entry);
}

void Registry::suspend_expiry(OwnerId owner, std::string_view node_id) {
  Entry* entry = find_own(owner, node_id);
  if (entry != nullptr && entry->expiry) bind_ttl(*entry, base::Duration::zero(), base::kNever);
}

void Registry::resume_expiry(OwnerId owner, std::string_view node_id, base::Instant now) {
  Entry* entry = find_own(owner, node_id);
  if (entry != nullptr && entry->expiry) bind_ttl(*entry, entry->ttl_declared.value_or(options_.ttl_default), now);
}

std::optional<Registry::Departure> Registry::unregister(OwnerId owner, std::string_view node_id) {
  Entry* entry = find_own(owner, node_id);
  if (entry == nullptr) return std::nullopt;
  return remove(*entry);
}

bool Registry::heartbeat(OwnerId owner, std::string_view node_id, base::Instant now, base::WallMs wall) {
  Entry* entry = find_own(owner, node_id);
  if (entry == nullptr) return false;
  entry->node.last_heartbeat_ms = wall;
  if (!entry->text.write_heartbeat(wall)) {
    protocol::NodeText text;
    text.write(entry->node);
    entry->text = std::move(text);
    find_keys(*entry);
  }
  pages_.replace(entry->listed, entry->text.json());
  bind_ttl(*entry, entry->ttl_declared.value_or(options_.ttl_default), now);
  return true;
}

/// Whether the claim may take the place of `replaced`, or a new one if that is null: joined or replaced if so.
Registry::Status Registry::check_bounds(const Claim& claim, const Entry* replaced) const {
  const std::size_t bytes_back = replaced == nullptr ? 0 : replaced->bytes;
  if (claim.bytes > options_.bytes_max - bytes_ + bytes_back) return Status::full;
  if (replaced == nullptr && size() >= options_.entries_max) return Status::full;
  const Status status = replaced == nullptr ? Status::joined : Status::replaced;
  if (claim.owner == kStoreOwner) return status;
  if (const auto owned = by_owner_.find(claim.owner); owned != by_owner_.end()) {
    const Entry* given_back = replaced != nullptr && replaced->owner == claim.owner ? replaced : nullptr;
    if (!owned->second.share.has_room(given_back, claim.bytes, options_.owner_entries_max, options_.owner_bytes_max)) {
      return Status::owner_full;
    }
  }
  if (!claim.user) return status;
  if (const auto share = by_user_.find(*claim.user); share != by_user_.end()) {
    const Entry* given_back = replaced != nullptr && replaced->user == claim.user ? replaced : nullptr;
    if (!share->second.has_room(given_back, claim.bytes, options_.user_entries_max, options_.user_bytes_max)) {
      return Status::user_full;
    }
  }
  return status;
}

void Registry::Share::add(const Entry& entry) {
  ++count;
  bytes += entry.bytes;
}

void Registry::Share::remove(const Entry& entry) {
  --count;
  bytes -= entry.bytes;
}

bool Registry::Share::has_room(const Entry* given_back, std::size_t entry_bytes, std::size_t count_max,
                               std::size_t bytes_max) const {
  const std::size_t others = count - (given_back == nullptr ? 0 : 1);
  const std::size_t others_bytes = bytes - (given_back == nullptr ? 0 : given_back->bytes);
  if (others >= count_max) return false;
  return others == 0 || others_bytes + entry_bytes <= bytes_max;
}

void Registry::drop_owner(OwnerId owner) {
  const auto owned = by_owner_.find(owner);
  if (owned != by_owner_.end() && !is_gone(owner)) gone_.push_back(owned->second);
}

std::vector<Registry::Departure> Registry::drop_gone(std::size_t count_max) {
  std::vector<Departure> departures;
  try {
    while (!gone_.empty() && departures.size() < count_max) {
      base::make_room(departures, departures.size() + 1);
      departures.push_back(remove(gone_.front().entries.front()));
    }
  } catch (const std::bad_alloc&) {
    if (departures.empty()) throw;
  }
  return departures;
}

std::vector<Registry::Departure> Registry::expire(base::Instant now, std::size_t count_max) {
  std::vector<Departure> gone;
  try {
    while (next_expiry() <= now && gone.size() < count_max) {
      base::make_room(gone, gone.size() + 1);
      gone.push_back(remove(*by_expiry_.begin()->second));
    }
  } catch (const std::bad_alloc&) {
    if (gone.empty()) throw;
  }
  return gone;
}

base::Instant Registry::next_expiry() const { return by_expiry_.empty() ? base::kNever : by_expiry_.begin()->first; }

const Registry::Entry* Registry::resolve(std::string_view alias_or_node_id) const {
  return find({alias_or_node_id, hash_(alias_or_node_id)});
}

Registry::LookUp Registry::begin_look_up(std::string_view alias_or_node_id) const {
  const LookUp look_up{{alias_or_node_id, hash_(alias_or_node_id)}};
  by_alias_.prefetch(look_up.name);
  by_node_id_.prefetch(look_up.name);
  return look_up;
}

void Registry::resolve(std::span<LookUp> resolve_batch) const {
  for (const LookUp& look_up : resolve_batch) {
    const Entry* guess = by_alias_.guess(look_up.name);
    if (guess == nullptr) guess = by_node_id_.guess(look_up.name);
    if (guess != nullptr) prefetch_read_part(*guess);
  }
  for (LookUp& look_up : resolve_batch) look_up.entry = find(look_up.name);
}

const Registry::Entry* Registry::find(const HashedName& name) const {
  const Entry* found = by_alias_.find(name);
  return found == nullptr ? by_node_id_.find(name) : found;
}

Registry::Entry* Registry::find_own(OwnerId owner, std::string_view node_id) const {
  Entry* found = by_node_id_.find(node_id);
  return found == nullptr || found->owner != owner ? nullptr : found;
}

/// Has the keys lie in the text that was written, if they can.
void Registry::find_keys(Entry& entry) {
  entry.node_id_key = key_of(entry.node.node_id, entry.text);
  entry.alias_key = entry.node.alias ? key_of(*entry.node.alias, entry.text) : std::string_view();
}

/// Makes the entry known under its names, and to its owner and user, who are known already.
void Registry::link(Entry& entry) {
  by_node_id_.insert(entry);
  if (entry.node.alias) by_alias_.insert(entry);
  Owned& owned = by_owner_.find(entry.owner)->second;
  owned.entries.push_back(entry);
  owned.share.add(entry);
  if (entry.user) by_user_.find(*entry.user)->second.add(entry);
  bytes_ += entry.bytes;
}

/// The opposite. Owner and user stay known: forget_without_entries() comes after it.
void Registry::unlink(Entry& entry) {
  unbind_ttl(entry);
  by_node_id_.erase(entry);
  if (entry.node.alias) by_alias_.erase(entry);
  entry.ListNode::unlink();
  by_owner_.find(entry.owner)->second.share.remove(entry);
  if (entry.user) by_user_.find(*entry.user)->second.remove(entry);
  bytes_ -= entry.bytes;
}

/// Either may be unknown.
void Registry::forget_without_entries(OwnerId owner, UserId user) {
  if (const auto owned = by_owner_.find(owner); owned != by_owner_.end() && owned->second.share.count == 0) {
    owned->second.ListNode::unlink();
    by_owner_.erase(owned);
  }
  if (!user) return;
  if (const auto share = by_user_.find(*user); share != by_user_.end() && share->second.count == 0) {
    by_user_.erase(share);
  }
}

void Registry::bind_ttl(Entry& entry, base::Duration ttl, base::Instant now) {
  const base::Instant at = base::saturating_add(now, ttl);
  if (!entry.expiry) {
    entry.expiry = by_expiry_.emplace(at, &entry);
    return;
  }
  Expiries::node_type place = by_expiry_.extract(*entry.expiry);
  place.key() = at;
  entry.expiry = by_expiry_.insert(std::move(place));
}

void Registry::unbind_ttl(Entry& entry) {
  if (entry.expiry) by_expiry_.erase(*entry.expiry);
  entry.expiry.reset();
}

Registry::Departure Registry::remove(Entry& entry) {
  pages_.erase(entry.listed);  // may throw
  unlink(entry);
  forget_without_entries(entry.owner, entry.user);
  Departure departure{std::move(entry.node), std::move(entry.text), ++revision_, entry.owner};
  entries_.erase(entry.place);
  return departure;
}

bool Registry::invariants() const {
  std::size_t bytes = 0;
  std::size_t aliases = 0;
  std::size_t expiries = 0;
  std::unordered_map<std::uint32_t, Share> users;
  for (const Entry& entry : entries_) {
    if (by_node_id_.find(entry.node.node_id) != &entry || entry.node_id_key != entry.node.node_id) return false;
    if (entry.alias_key != entry.node.alias.value_or("")) return false;
    if (entry.node.alias && by_alias_.find(*entry.node.alias) != &entry) return false;
    if (entry.node.alias) ++aliases;
    std::string text;
    protocol::append_node(text, entry.node);
    if (entry.text.json() != text) return false;
    if (!entry.is_linked() || !by_owner_.contains(entry.owner)) return false;
    if (entry.ttl_declared && !entry.expiry) return false;
    if (entry.expiry && (*entry.expiry)->second != &entry) return false;
    if (entry.expiry) ++expiries;
    bytes += entry.bytes;
    if (entry.user) users[*entry.user].add(entry);
  }
  const auto is_counted = [&](const auto& user) {
    const auto counted = by_user_.find(user.first);
    return counted != by_user_.end() && counted->second == user.second;
  };
  if (users.size() != by_user_.size() || !std::ranges::all_of(users, is_counted)) return false;
  return by_node_id_.size() == size() && by_alias_.size() == aliases && by_expiry_.size() == expiries &&
         by_owner_.size() <= size() && bytes == bytes_ && bytes_ <= options_.bytes_max &&
         size() <= options_.entries_max;
}

}  // namespace distflow::pmd
