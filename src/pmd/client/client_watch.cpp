#include "pmd/client/client_watch.hpp"

#include <algorithm>
#include <utility>

namespace distflow::pmd {
namespace {

void apply(std::vector<protocol::NodeInfo>& nodes, protocol::Event event) {
  const auto is_same = [&event](const protocol::NodeInfo& node) { return node.node_id == event.peer.node_id; };
  const auto known = std::find_if(nodes.begin(), nodes.end(), is_same);
  if (event.kind == protocol::EventKind::leave) {
    if (known != nodes.end()) nodes.erase(known);
  } else if (known != nodes.end()) {
    *known = std::move(event.peer);
  } else {
    nodes.push_back(std::move(event.peer));
  }
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

std::vector<protocol::NodeInfo> ClientWatch::complete(std::vector<protocol::NodeInfo> nodes,
                                                      std::optional<std::uint64_t> revision) {
  state_ = State::live;
  revision_ = revision;
  for (protocol::Event& event : std::exchange(held_, {})) {
    if (take(event) == Verdict::tell) apply(nodes, std::move(event));
  }
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
