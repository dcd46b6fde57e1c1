#include "runtime/counters/dead_letters.hpp"

#include <new>

#include "protocol/envelope.hpp"
#include "protocol/pmd_node.hpp"
#include "runtime/counters/counter_table.hpp"

namespace distflow::runtime {
namespace {

constexpr std::string_view kPrefix = "dropped_";

std::string_view name_of(Counter SendCounters::*reason) {
  for (const auto& row : kSendCounters) {
    if (row.live == reason) return row.name.substr(row.name.starts_with(kPrefix) ? kPrefix.size() : 0);
  }
  return {};
}

}  // namespace

void DeadLetters::add(const Undelivered& message) noexcept {
  if (!keeps(message.reason)) return;
  try {
    std::string_view name = message.name;
    if (name.empty() && !message.is_to_id) name = names_.alias_on_loop(message.node_id);
    if (name.empty()) name = message.node_id;
    const std::size_t size = name.size() + message.node_id.size() + message.text.size();
    if (size > limits_.bytes_max) return note_not_kept();
    std::list<DeadLetter> letter;
    letter.push_back({.number = last_number_ + 1,
                      .at = reactor_.wall_ms(),
                      .sent_at = message.sent_at,
                      .to = std::string(name),
                      .is_to_id = name == message.node_id,
                      .node_id = std::string(message.node_id),
                      .reason = name_of(message.reason),
                      .text = std::string(message.text)});
    make_room(1, size);
    ++last_number_;
    bytes_ += size;
    letters_.splice(letters_.end(), letter);
    note_size();
  } catch (const std::bad_alloc&) {
    note_not_kept();
  }
}

void DeadLetters::add_frame(const Traffic& peer, Counter SendCounters::*reason, std::string_view body,
                            std::string_view name) noexcept {
  protocol::Envelope envelope;
  // The node's own frames have no other form. What has an extension is a request, a reply or a control frame; what is
  // published is addressed to its topic.
  if (!protocol::decode_template(body, envelope) || !envelope.has_payload() || !envelope.extension.empty()) return;
  if (envelope.to.starts_with(protocol::kTopicPrefix)) return;
  add({.name = name,
       .node_id = envelope.to,
       .is_to_id = peer.was_sent_by_id,
       .reason = reason,
       .text = envelope.payload,
       .sent_at = envelope.timestamp});
}

/// For so many letters of so many bytes.
void DeadLetters::make_room(std::size_t letters, std::size_t bytes) noexcept {
  while (!letters_.empty() && (letters_.size() + letters > limits_.letters_max || bytes_ + bytes > limits_.bytes_max)) {
    bytes_ -= letters_.front().size();
    letters_.pop_front();
    add_owned(displaced_, 1);
  }
}

void DeadLetters::note_size() noexcept {
  count_now_.store(letters_.size(), std::memory_order_relaxed);
  bytes_now_.store(bytes_, std::memory_order_relaxed);
}

void DeadLetters::count_into(NodeStats& stats) const {
  stats.dead_letters = read(count_now_);
  stats.dead_letter_bytes = read(bytes_now_);
  stats.dead_letters_displaced = read(displaced_);
  stats.dead_letters_not_kept = read(not_kept_);
  stats.dead_letters_redriven = read(redriven_);
}

}  // namespace distflow::runtime
