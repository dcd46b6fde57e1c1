// What is run in schedules: one lock-free class each, with a few threads that use it.
//
// One thread.
//   1. A subject is made anew for each schedule, and checks all that its class promises.
// Use: for (const Subject& subject : subjects()) failure = subject.run(chooser, nullptr);
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/schedules/schedule.hpp"

namespace distflow::test {

struct Subject {
  const char* name;
  /// Runs one schedule; returns what failed, or nothing.
  std::function<std::string(Chooser&, const Weakening*)> run;
};

const std::vector<Subject>& subjects();

/// The subjects of the files of these names.
std::vector<Subject> base_subjects();
std::vector<Subject> room_subjects();
std::vector<Subject> runtime_subjects();
std::vector<Subject> stream_subjects();
/// Protocols that are wrong whatever their orders, as the ones beside them once were.
std::vector<Subject> wrong_base_subjects();
std::vector<Subject> wrong_runtime_subjects();

/// A schedule of `World`, which has threads() and check_end(). One that has failed may be in any state, and is kept.
template <class World, class... Arguments>
std::string run_world(Chooser& chooser, const Weakening* weakening, Arguments... arguments) {
  Schedule schedule(chooser, weakening);
  auto world = std::make_unique<World>(arguments...);
  schedule.run(world->threads());
  if (schedule.failure().empty()) world->check_end();
  if (!schedule.failure().empty()) {
    static std::vector<World*> kept;  // reachable, so that no leak is reported
    kept.push_back(world.release());
  }
  return schedule.failure();
}

}  // namespace distflow::test
