#include "runtime/process/node_world.hpp"

#include "io/clock.hpp"

namespace distflow::runtime {
namespace {

constinit thread_local NodeWorld* world_of_this_thread = nullptr;

}  // namespace

NodeWorld* NodeWorld::of_this_thread() { return world_of_this_thread; }

void NodeWorld::set_of_this_thread(NodeWorld* world) { world_of_this_thread = world; }

base::Instant NodeWorld::now_of_this_thread() {
  return world_of_this_thread != nullptr ? world_of_this_thread->now() : io::system_now();
}

}  // namespace distflow::runtime
