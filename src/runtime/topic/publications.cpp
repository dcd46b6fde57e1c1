#include "runtime/topic/publications.hpp"

#include <atomic>
#include <unordered_map>
#include <utility>

#include "framing/frame.hpp"
#include "protocol/envelope.hpp"
#include "protocol/pmd_node.hpp"

namespace distflow::runtime {

std::string Publications::address_of(std::string_view topic) {
  return std::string(protocol::kTopicPrefix).append(topic);
}

TargetPtr Publications::make(std::string_view topic, GroupStatePtr group) {
  if (by_name_.size() >= parts_.topics_max) {
    // One that is held by this table alone has nothing under way.
    std::erase_if(by_name_, [](const auto& entry) {
      if (entry.second->target.use_count() > 1) return false;
      std::atomic_thread_fence(std::memory_order_acquire);  // the loop's thread may have let go of it a moment ago
      return true;
    });
    if (by_name_.size() >= parts_.topics_max) return nullptr;
  }
  auto made = std::make_unique<Topic>(*this, std::move(group));
  auto target = std::make_shared<TargetState>(made->group->name, 0);
  target->hand_out = base::Delegate<void(const transport::EncodedRun&)>::to<&Topic::hand_out>(*made);
  target->publish(protocol::envelope_prefix(parts_.node_id, made->group->name),
                  std::make_shared<SendCredit>(parts_.credit_limits.bytes_max, parts_.credit_limits.frames_max));
  made->target = target;
  by_name_.emplace(topic, std::move(made));
  return target;
}

/// The subscribers are not looked at anew while a message is handed out: what that leads to may publish, too.
void Publications::hand_out(Topic& topic, const transport::EncodedRun& run) {
  if (topic.group->version.load(std::memory_order_acquire) != topic.version && !topic.is_handing_out) [[unlikely]]
    static_cast<void>(parts_.reactor.has_memory_for([&] { refresh(topic); }));  // without memory: those of before
  const bool was_handing_out = std::exchange(topic.is_handing_out, true);
  const base::ChunkRef lease = base::ChunkRef::share(*run.chunk);
  for (std::size_t i = send_copies(topic, 0, run); i < topic.subscribers.size(); i = send_copies(topic, i + 1, run)) {
    lose(nullptr, run.count);
  }
  topic.is_handing_out = was_handing_out;
  add_owned(counters_.published, run.count);
  add_owned(counters_.copies, std::uint64_t{run.count} * topic.subscribers.size());
}

void Publications::refresh(Topic& topic) {
  GroupMembers members;
  const std::uint64_t version = parts_.groups.copy_members(*topic.group, members);
  std::unordered_map<const GroupMember*, TargetPtr> known;
  for (const Subscriber& subscriber : topic.subscribers) known.emplace(subscriber.member.get(), subscriber.target);
  std::vector<Subscriber> subscribers;
  subscribers.reserve(members.size());
  for (GroupMemberPtr& member : members) {
    const auto before = known.find(member.get());
    TargetPtr target = before != known.end() ? before->second : parts_.targets.of(member->node_id);
    subscribers.push_back({std::move(member), std::move(target)});
  }
  topic.subscribers.swap(subscribers);
  topic.version = version;
}

/// Hands it to each subscriber from the first one on; says how many had it when memory ran out, or all.
std::size_t Publications::send_copies(const Topic& topic, std::size_t first, const transport::EncodedRun& run) {
  std::size_t i = first;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    for (; i < topic.subscribers.size(); ++i) {
      const TargetPtr& target = topic.subscribers[i].target;
      Link* const link = target == nullptr ? nullptr : parts_.router.link_to(target);
      if (link != nullptr && is_under_way(link->send(run))) [[likely]]
        continue;
      send_what_fits(link, run);
    }
  }));
  return i;
}

/// Where there is no room for all, there may be for a part.
void Publications::send_what_fits(Link* link, const transport::EncodedRun& run) {
  if (run.count == 1 || link == nullptr) return lose(link, run.count);
  for (std::string_view rest = run.bytes; !rest.empty();) {
    const std::size_t size = framing::kHeaderSize + framing::read_header(rest.data());
    SendVerdict verdict = SendVerdict::out_of_memory;
    const auto send = [&] { verdict = link->send({run.chunk, rest.substr(0, size), 1}); };
    if (!parts_.reactor.has_memory_for(send) || !is_under_way(verdict)) lose(link, 1);
    rest.remove_prefix(size);
  }
}

/// Counts copies that their subscriber's queue has not taken.
void Publications::lose(Link* link, std::uint32_t count) {
  Traffic& traffic = link != nullptr ? link->traffic() : parts_.traffic.unresolved();
  add_owned(traffic.out.accepted, count);
  if (link == nullptr) return add_owned(traffic.out.dropped_unresolved, count);
  traffic.note_dropped(&SendCounters::dropped_queue_full, count);
}

}  // namespace distflow::runtime
