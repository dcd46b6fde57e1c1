// Where the messages to a name go: along the link to one peer, or nowhere while no node is known by that name.
//
// A value; loop thread only.
//   1. A route refers to a link that is not retired. DirectoryObserver::on_binding() has it replaced when its peer
//      leaves or moves; the link is destroyed later (Directory::reap).
//   2. Only the router looks inside. What goes to several peers has no route: TargetState::hand_out.
// Use: if (target->route) send_along(target->route, payload, suffix);
#pragma once

namespace distflow::runtime {

class Link;

class Route {
 public:
  /// Nowhere.
  Route() = default;
  explicit Route(Link& link) : link_(&link) {}

  /// Whether it leads anywhere; link() needs that.
  explicit operator bool() const { return link_ != nullptr; }
  [[nodiscard]] Link& link() const { return *link_; }

 private:
  Link* link_ = nullptr;
};

}  // namespace distflow::runtime
