// The registry: which nodes there are, under which names, and whose connection each belongs to.
//
// Pure: no I/O and no clock, it is given the time. One thread. It is the view that look-ups, lists and watchers read;
// who gets a name is decided by a RegistryStore (registry_store.hpp), to which an entry of kStoreOwner belongs.
//   1. An entry belongs to the owner that registered it last; the end of any other owner changes nothing. It is given
//      up to another owner only when its own is gone, or for the secret that it was registered with.
//   2. No two entries have the same nodeId, no two the same alias.
//   3. A registration replaces the node's entry as a whole; the entry keeps its place in the order of registration.
//   4. Only an entry that declared a TTL, or has sent a heartbeat since it was registered, ever expires.
//   5. revision() rises by one with each join (a replacement is one) and each leave, and never else. A replacement by
//      another owner at another address is a leave and a join.
//   6. size() <= entries_max and bytes() <= bytes_max; the entries of one owner are bounded likewise, and those of one
//      user, where the user is known.
//   7. What an owner leaves behind is removed in parts; until then its entries are there, for anybody to take over.
// Use: auto change = Registry::change_of(owner, registration, wall);
//      if (registry.judge(change).status == joined) registry.apply(change, now, wall);
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/intrusive_list.hpp"
#include "base/sip_hash.hpp"
#include "base/time.hpp"
#include "pmd/server/claim.hpp"
#include "pmd/server/name_index.hpp"
#include "pmd/server/node_pages.hpp"
#include "protocol/node_text.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

struct RegistryOptions {
  std::size_t entries_max = 131'072;
  std::size_t bytes_max = std::size_t{192} * 1024 * 1024;  ///< of memory that all entries take, with all that is theirs
  std::size_t owner_entries_max = 16'384;                  ///< of one connection
  std::size_t owner_bytes_max = std::size_t{32} * 1024 * 1024;
  /// Of one user, over any number of connections: an eighth of the registry is left to the others.
  std::size_t user_entries_max = 114'688;
  std::size_t user_bytes_max = std::size_t{168} * 1024 * 1024;
  base::Duration ttl_default = base::seconds(60);  ///< of an entry that sends heartbeats and declared none
};

/// A call that changes it may throw std::bad_alloc, and has changed nothing then. expire() and drop_gone() return what
/// they have done before memory ran out, if anything.
class Registry {
 public:
  struct Entry;
  using Entries = std::list<Entry>;
  using Expiries = std::multimap<base::Instant, Entry*>;

  /// What a look-up reads comes first, and close together.
  struct Entry : base::ListNode<Entry> {
    std::string_view node_id_key;  // what it is indexed by: slices of the text, which is read anyway, or of the node
    std::string_view alias_key;    // empty without an alias
    protocol::NodeText text;       // the node's
    protocol::NodeInfo node;
    OwnerId owner = 0;
    UserId user;
    std::string secret;  // empty: none
    NodePages::Place listed;
    std::optional<base::Duration> ttl_declared;
    std::size_t bytes = 0;     // what it counts for in Registry::bytes()
    std::uint64_t number = 0;  // rises in the order of registration; another one when the node comes back
    Entries::iterator place;
    std::optional<Expiries::iterator> expiry;
  };

  enum class Status {
    joined,          ///< There was no such node: `entry` is new.
    replaced,        ///< There was: `entry` is what it is now.
    alias_in_use,    ///< `entry` is another node that has the alias; nothing has changed.
    node_id_in_use,  ///< `entry` is the node that has this nodeId, of another owner; nothing has changed.
    full,            ///< A bound would be passed; nothing has changed. `entry` is null.
    owner_full,      ///< The same for a bound of the owner.
    user_full,       ///< The same for a bound of the user.
  };

  /// A claim, and the text that its entry would have: what apply() takes up.
  struct Change : Claim {
    protocol::NodeText text;  ///< the node's
  };

  /// What a claim would lead to. `holder` is who has the alias or the nodeId if another has it, else null.
  struct Verdict {
    Status status;
    const Entry* holder;
  };

  /// A node that is gone, its text, and the revision that its leaving made.
  struct Departure {
    protocol::NodeInfo node;
    protocol::NodeText text;
    std::uint64_t revision;
    OwnerId owner;
  };

  struct Outcome {
    Status status;
    const Entry* entry;
    OwnerId loser = 0;                        ///< that the entry was taken from; 0 when it was nobody else's
    std::optional<Departure> departure = {};  ///< what left before this joined: another address of the same nodeId
  };

  /// A name that is looked up, and what resolve() finds: the node of that alias or else of that nodeId; null when there
  /// is neither.
  struct LookUp {
    HashedName name;
    const Entry* entry = nullptr;
  };

  /// `key` is to be known to nobody outside (name_index.hpp).
  Registry(RegistryOptions options, const base::SipKey& key)
      : options_(options), hash_(key), by_node_id_(hash_), by_alias_(hash_) {}
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  [[nodiscard]] static Change change_of(OwnerId owner, protocol::Registration registration, base::WallMs wall);
  /// The entry of this owner's as it would be with other groups; nothing when there is no such entry of this owner's.
  [[nodiscard]] std::optional<Change> regrouped(OwnerId owner, std::string_view node_id,
                                                const protocol::GroupChange& groups, base::WallMs wall) const;
  /// Whether the names and the room are to be had for the claim, as this registry has it.
  [[nodiscard]] Verdict judge(const Claim& claim) const;
  /// Takes up the change, which is moved from if the status is joined or replaced. A nodeId of another owner is taken
  /// over without a question; an alias of another node is not (alias_in_use), nor is a bound passed.
  Outcome apply(Change& change, base::Instant now, base::WallMs wall);
  /// All three at once, where this registry decides alone.
  Outcome register_node(OwnerId owner, const protocol::Registration& registration, base::Instant now,
                        base::WallMs wall);

  /// Of any owner. Nothing when there is no such node.
  std::optional<Departure> remove_node(std::string_view node_id);
  /// Nothing when there is no such entry of this owner's: to anybody but its owner, an entry is not there.
  std::optional<Departure> unregister(OwnerId owner, std::string_view node_id);
  [[nodiscard]] bool is_owner(OwnerId owner, std::string_view node_id) const {
    return find_own(owner, node_id) != nullptr;
  }
  /// The entry of this owner's, if there is one and it can expire, does not until resume_expiry(), which gives it its
  /// whole TTL again. Neither needs memory.
  void suspend_expiry(OwnerId owner, std::string_view node_id);
  void resume_expiry(OwnerId owner, std::string_view node_id, base::Instant now);
  /// False when there is no such entry of this owner's.
  bool heartbeat(OwnerId owner, std::string_view node_id, base::Instant now, base::WallMs wall);

  /// The owner is gone. Its entries are removed by drop_gone().
  void drop_owner(OwnerId owner);
  /// Removes entries of owners that are gone, `count_max` at most; has_gone() returns whether there are more.
  std::vector<Departure> drop_gone(std::size_t count_max);
  [[nodiscard]] bool has_gone() const { return !gone_.empty(); }
  [[nodiscard]] bool is_gone(OwnerId owner) const {
    const auto owned = by_owner_.find(owner);
    return owned != by_owner_.end() && owned->second.ListNode::is_linked();
  }
  /// Removes what has expired by `now`, `count_max` at most.
  std::vector<Departure> expire(base::Instant now, std::size_t count_max = SIZE_MAX);
  /// When expire() next has something to do; kNever when nothing can expire.
  [[nodiscard]] base::Instant next_expiry() const;

  [[nodiscard]] const Entry* find_id(std::string_view node_id) const { return by_node_id_.find(node_id); }
  /// The node of that alias or else of that nodeId; null when there is neither.
  [[nodiscard]] const Entry* resolve(std::string_view alias_or_node_id) const;
  /// Many at once, which wait for memory together: begin each, do something else, resolve all. Nothing may be
  /// registered or removed in between. `alias_or_node_id` must outlive the look-up.
  [[nodiscard]] LookUp begin_look_up(std::string_view alias_or_node_id) const;
  void resolve(std::span<LookUp> resolve_batch) const;
  /// The text of all nodes, in the order of registration.
  [[nodiscard]] std::shared_ptr<const NodeSnapshot> snapshot() { return pages_.snapshot(); }
  /// Bytes of memory that only snapshots hold.
  [[nodiscard]] std::size_t outdated_bytes() const { return pages_.outdated_bytes(); }
  /// In the order of registration.
  [[nodiscard]] const Entries& entries() const { return entries_; }

  [[nodiscard]] std::uint64_t revision() const { return revision_; }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  /// Without those that the store has announced.
  [[nodiscard]] std::size_t local_size() const {
    const auto announced = by_owner_.find(kStoreOwner);
    return size() - (announced == by_owner_.end() ? 0 : announced->second.share.count);
  }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Looks at everything; for tests.
  [[nodiscard]] bool invariants() const;

 private:
  /// What somebody has of the registry.
  struct Share {
    std::size_t count = 0;
    std::size_t bytes = 0;

    bool operator==(const Share&) const = default;
    void add(const Entry& entry);
    void remove(const Entry& entry);
    /// Whether one more entry of so many bytes keeps within the bounds once `given_back`, which may be null, is gone
    /// from it. One entry is always within the bytes.
    [[nodiscard]] bool has_room(const Entry* given_back, std::size_t entry_bytes, std::size_t count_max,
                                std::size_t bytes_max) const;
  };

  struct Owned : base::ListNode<Owned> {
    base::IntrusiveList<Entry, Entry> entries;
    Share share;
  };

  [[nodiscard]] const Entry* find(const HashedName& name) const;
  [[nodiscard]] Verdict judge_names(const Claim& claim) const;
  [[nodiscard]] Entry* find_own(OwnerId owner, std::string_view node_id) const;
  [[nodiscard]] Status check_bounds(const Claim& claim, const Entry* replaced) const;
  static void find_keys(Entry& entry);
  void link(Entry& entry);
  void unlink(Entry& entry);
  void forget_without_entries(OwnerId owner, UserId user);
  void bind_ttl(Entry& entry, base::Duration ttl, base::Instant now);
  void unbind_ttl(Entry& entry);
  Departure remove(Entry& entry);

  const RegistryOptions options_;
  const base::SipHash hash_;
  Entries entries_;
  NameIndex<Entry, &Entry::node_id_key> by_node_id_;
  NameIndex<Entry, &Entry::alias_key> by_alias_;
  NodePages pages_;
  std::unordered_map<OwnerId, Owned> by_owner_;       // owners without entries are not in it
  std::unordered_map<std::uint32_t, Share> by_user_;  // nor are users
  base::IntrusiveList<Owned, Owned> gone_;            // of owners that have entries left
  Expiries by_expiry_;
  std::uint64_t revision_ = 0;
  std::uint64_t last_number_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace distflow::pmd
