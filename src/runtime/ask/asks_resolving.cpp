// Asks' part in requests whose name is not known yet.
#include <string>
#include <utility>
#include <vector>

#include "runtime/ask/ask_slot.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {

SendVerdict Asks::wait_for_name(Slot& slot, std::string_view json) {
  if (!parts_.router.look_up(slot.question.target)) {
    end_unresolved(slot, json);
    return SendVerdict::queued;
  }
  if (json.data() != slot.text.data()) slot.text.assign(json);
  if (!slot.has_place && !take_place(slot)) return SendVerdict::queue_full;
  Group& group = group_of(resolving_, slot.question.target->name);  // the last to need memory: none stays empty
  if (group.count >= parts_.asks_per_peer_max) return SendVerdict::queue_full;
  slot.state = Slot::State::resolving;
  join(slot, group);
  return SendVerdict::queued;
}

/// No node has the name. A member of a group has left it then: another may be asked.
void Asks::end_unresolved(Slot& slot, std::string_view json) {
  if (slot.question.others != nullptr) {
    ++slot.attempts;
    prepare_retries(slot, json);
  }
  const End how{.error = AskError::unresolved};
  if (!rests_after(slot, how)) close_slot(slot, how);
}

/// Among what waits for a name, for the text that it keeps.
bool Asks::take_place(Slot& slot) {
  slot.has_place = parts_.router.take_place(slot.question.target, slot.text.size());
  return slot.has_place;
}

/// The name of the group's requests leads somewhere, or may.
void Asks::begin_again(Group& group) {
  const std::string name = group.name;  // the group goes with its last request
  for (std::uint32_t left = group.count; left > 0; --left) {
    const auto found = resolving_.find(name);
    if (found == resolving_.end()) return;
    Slot& slot = found->second->slots.front();
    Link* const link = parts_.router.link_to(slot.question.target);
    if (link == nullptr) return;
    leave_group(slot);
    if (!slot.question.may_be_sent_again()) leave_place(slot);
    slot.state = Slot::State::free;
    SendVerdict verdict = SendVerdict::out_of_memory;
    static_cast<void>(parts_.reactor.has_memory_for([&] { verdict = send(slot, *link, slot.text); }));
    if (!is_under_way(verdict)) close_slot(slot, {.error = AskError::not_sent, .verdict = verdict});
  }
}

void Asks::on_binding(std::string_view name) {
  if (const auto found = resolving_.find(name); found != resolving_.end()) begin_again(*found->second);
}

void Asks::on_unknown(std::string_view name) {
  const auto found = resolving_.find(name);
  if (found == resolving_.end()) return;
  while (true) {
    const auto left = resolving_.find(name);
    if (left == resolving_.end()) return;
    Slot& slot = left->second->slots.front();
    end_unresolved(slot, slot.text);  // which needs no memory: the text is kept already
  }
}

void Asks::on_snapshot() {
  const auto look_up = [this] {
    std::vector<std::string> names;
    names.reserve(resolving_.size());
    for (const auto& [name, group] : resolving_) names.push_back(name);
    for (const std::string& name : names) {
      on_binding(name);
      const auto found = resolving_.find(name);
      if (found == resolving_.end()) continue;
      if (!parts_.router.look_up(found->second->slots.front().question.target)) on_unknown(name);
    }
  };
  static_cast<void>(parts_.reactor.has_memory_for(look_up));
}

}  // namespace distflow::runtime
