// What is done to the network between two processes: partitions, delays, broken streams.
#include <algorithm>
#include <utility>

#include "io/sim/network.hpp"

namespace distflow::io::sim {

void Network::cut(std::uint32_t one_process, std::uint32_t other_process) {
  cuts_.emplace(std::minmax(one_process, other_process), false);
}

void Network::mend(std::uint32_t one_process, std::uint32_t other_process) {
  const auto cut = cuts_.find(std::minmax(one_process, other_process));
  if (cut == cuts_.end()) return;
  if (cut->second) count(Fault::heal);
  cuts_.erase(cut);
}

void Network::mend_all() {
  while (!cuts_.empty()) mend(cuts_.begin()->first.first, cuts_.begin()->first.second);
}

void Network::delay(std::uint32_t one_process, std::uint32_t other_process, base::Duration longer) {
  delays_[std::minmax(one_process, other_process)] = longer;
}

base::Duration Network::latency(const Stream& stream) const {
  if (delays_.empty()) return stream.latency;
  const auto found = delays_.find(std::minmax(stream.ends[0].process_id, stream.ends[1].process_id));
  return stream.latency + (found == delays_.end() ? base::Duration::zero() : found->second);
}

void Network::break_streams(std::uint32_t one_process, std::uint32_t other_process) {
  for (StreamId id = 0; id < streams_.size(); ++id) {
    if (streams_[id] == nullptr || streams_[id]->outcome != Outcome::connected) continue;
    Stream& s = *streams_[id];
    if (std::minmax(s.ends[0].process_id, s.ends[1].process_id) != std::minmax(one_process, other_process)) continue;
    trace("stream %u breaks", id);
    s.pipes[0].cut();
    s.pipes[1].cut();
    schedule_soon(Kind::reset, {id, 0});
    schedule_soon(Kind::reset, {id, 1});
  }
}

bool Network::is_cut(const Event& event) {
  if (cuts_.empty()) return false;
  const Stream& s = stream(event.end.stream);
  const auto cut = cuts_.find(std::minmax(s.ends[0].process_id, s.ends[1].process_id));
  if (cut == cuts_.end()) return false;
  if (!std::exchange(cut->second, true)) count(Fault::partition);
  return true;
}

}  // namespace distflow::io::sim
