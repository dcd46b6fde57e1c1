#include <distflow/testing.hpp>

#include <stdexcept>

#include "testing/mesh_impl.hpp"

namespace distflow::testing {

Mesh::Mesh(std::uint64_t seed) : impl_(std::make_shared<Impl>(seed)) { impl_->enter(); }

Mesh::~Mesh() { impl_->leave(); }

NodeRuntime Mesh::node(std::string_view alias) {
  NodeOptions options;
  options.alias = alias;
  return node(options);
}

NodeRuntime Mesh::node(const NodeOptions& options) {
  impl_->check_may_turn();
  Result<NodeRuntime, StartError> started = NodeRuntime::start(options);
  if (!started)
    throw std::runtime_error("the mesh cannot start \"" + options.alias + "\": " + started.error().message());
  return *std::move(started);
}

bool Mesh::run_until(const std::function<bool()>& is_so, std::chrono::nanoseconds at_most) {
  impl_->check_may_turn();
  bool was_so = false;
  auto ask = [&] { return was_so = is_so(); };
  impl_->turn_until(base::Delegate<bool()>::of(ask), base::saturating_add(impl_->now(), at_most));
  return was_so;
}

void Mesh::run_for(std::chrono::nanoseconds time) {
  run_until([] { return false; }, time);
}

void Mesh::after(std::chrono::nanoseconds delay, std::function<void()> what) { impl_->after(delay, std::move(what)); }
std::chrono::nanoseconds Mesh::now() const { return impl_->time(); }
std::uint64_t Mesh::random(std::uint64_t n) {
  if (n == 0) throw std::logic_error("there is no number below zero");
  return impl_->random.uniform(n);
}
std::uint64_t Mesh::seed() const { return impl_->seed; }

void Mesh::partition(std::string_view one, std::string_view other) { impl_->partition(one, other); }
void Mesh::isolate(std::string_view name) { impl_->isolate(name); }
void Mesh::heal() { impl_->heal(); }
void Mesh::delay(std::string_view one, std::string_view other, std::chrono::nanoseconds longer) {
  impl_->delay(one, other, longer);
}
void Mesh::break_connections(std::string_view one, std::string_view other) { impl_->break_connections(one, other); }
void Mesh::kill(std::string_view name) { impl_->take_down(name, Severance::killed); }
void Mesh::vanish(std::string_view name) { impl_->take_down(name, Severance::vanished); }
void Mesh::start_pmd() { impl_->start_pmd(); }
void Mesh::pause(std::string_view name) { impl_->set_paused(name, true); }
void Mesh::resume(std::string_view name) { impl_->set_paused(name, false); }
void Mesh::hold_messages(std::string_view alias) { impl_->set_held(alias, true); }
void Mesh::release_messages(std::string_view alias) { impl_->set_held(alias, false); }
void Mesh::on_trace(std::function<void(std::string_view line)> sink) { impl_->set_trace(std::move(sink)); }

}  // namespace distflow::testing
