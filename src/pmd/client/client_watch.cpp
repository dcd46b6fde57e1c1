#include "pmd/client/client_watch.hpp"

#include <string>
#include <unordered_map>
#include <utility>

namespace distflow::pmd {
namespace {

using protocol::Event;
using protocol::NodeInfo;

/// Applies to the list all changes since it was made. One pass over each, as both may be long.
void apply(std::vector<NodeInfo>& nodes, std::vector<Event> events) {
  std::unordered_map<std::string, std::size_t> places;  // of those that are there
  for (std::size_t i = 0; i < nodes.size(); ++i) places.emplace(nodes[i].node_id, i);
  std::vector<bool> has_left(nodes.size());
  for (Event& event : events) {
    const auto known = places.find(event.peer.node_id);
    if (event.kind == protocol::EventKind::leave) {
      if (known == places.end()) continue;
      has_left[known->second] = true;
      places.erase(known);
    } else if (known != places.end()) {
      nodes[known->second] = std::move(event.peer);
    } else {
      places.emplace(event.peer.node_id, nodes.size());
      nodes.push_back(std::move(event.peer));
      has_left.push_back(false);
    }
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (!has_left[i] && kept++ != i) nodes[kept - 1] = std::move(nodes[i]);
  }
  nodes.erase(nodes.begin() + static_cast<std::ptrdiff_t>(kept), nodes.end());
}

}  // namespace

void ClientWatch::begin() {
  state_ = State::awaiting;
  held_.clear();
}

void ClientWatch::end() {
  state_ = State::off;
  held_.clear();
}

std::vector<NodeInfo> ClientWatch::complete(std::vector<NodeInfo> nodes, std::optional<std::uint64_t> revision) {
  state_ = State::live;
  revision_ = revision;
  std::vector<Event> news;
  for (Event& event : std::exchange(held_, {})) {
    if (take(event) == Verdict::tell) news.push_back(std::move(event));
  }
  if (!news.empty()) apply(nodes, std::move(news));
  return nodes;
}

ClientWatch::Verdict ClientWatch::take(const protocol::Event& event) {
  if (state_ == State::off) return Verdict::pass;
  if (state_ == State::awaiting) {
    if (held_.size() == kHeldMax) return Verdict::overflow;
    held_.push_back(event);
    return Verdict::pass;
  }
  if (!event.rev || !revision_) return Verdict::tell;
  if (*event.rev <= *revision_) return Verdict::pass;
  if (*event.rev > *revision_ + 1) return Verdict::missed;
  revision_ = event.rev;
  return Verdict::tell;
}

}  // namespace distflow::pmd
