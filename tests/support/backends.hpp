// The backends that the tests run on. Another one is one line more.
//
// Use: INSTANTIATE_TEST_SUITE_P(backends, BackendContract, ::testing::ValuesIn(kBackends), backend_name);
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>

#include "io/epoll/epoll_poller.hpp"
#include "io/readiness_backend.hpp"
#include "io/sim/backend.hpp"
#ifdef DISTFLOW_HAS_KQUEUE
#include "io/kqueue/kqueue_poller.hpp"
#endif
#ifdef DISTFLOW_HAS_URING
#include "io/uring/uring.hpp"
#endif

namespace distflow::test {

struct BackendMaker {
  std::string_view name;
  Result<std::unique_ptr<io::Backend>> (*make)(base::ChunkPool& chunks);
  bool may_be_refused = false;  ///< by the system; its tests are skipped then, and say why
};

#ifdef DISTFLOW_HAS_URING
/// What a kernel without deferred task work gets.
inline Result<std::unique_ptr<io::Backend>> make_cooperative_uring(base::ChunkPool& chunks) {
  return io::make_uring_untested(chunks, {.mode = io::UringMode::cooperative});
}
/// Every second submission finds the queue full.
inline Result<std::unique_ptr<io::Backend>> make_small_uring(base::ChunkPool& chunks) {
  return io::make_uring_untested(chunks, {.submission_count = 1});
}
#endif

inline constexpr BackendMaker kBackends[] = {
    {"epoll", &io::ReadinessBackend<io::EpollPoller>::create},
#ifdef DISTFLOW_HAS_KQUEUE
    {"kqueue", &io::ReadinessBackend<io::KqueuePoller>::create},
#endif
#ifdef DISTFLOW_HAS_URING
    {"uring", &io::make_uring, true},
    {"uring_cooperative", &make_cooperative_uring, true},
    {"uring_small", &make_small_uring, true},
#endif
    {"sim", &io::sim::make_lone_backend},
};

/// What tests of what lies above the seam run on: DISTFLOW_IO's, one of the above; the first of them without it.
inline const BackendMaker& chosen_backend() {
  const char* variable = std::getenv("DISTFLOW_IO");
  const std::string_view asked = variable == nullptr ? "" : variable;
  for (const BackendMaker& maker : kBackends) {
    if (maker.name == asked) return maker;
  }
  EXPECT_TRUE(asked.empty() || asked == "auto") << "this program has no backend " << asked << " to be tested on";
  return kBackends[0];
}

/// For tools/test_backends, which counts the tests that ran on each.
inline void record(const BackendMaker& maker) { ::testing::Test::RecordProperty("backend", std::string(maker.name)); }

/// Never another one than was asked for.
inline std::unique_ptr<io::Backend> made_by(const BackendMaker& maker, base::ChunkPool& chunks) {
  Result<std::unique_ptr<io::Backend>> made = maker.make(chunks);
  EXPECT_TRUE(made) << made.error().message();
  record(maker);
  return std::move(made).value();
}

/// A backend for tests of what lies above the seam.
inline std::unique_ptr<io::Backend> make_backend(base::ChunkPool& chunks) { return made_by(chosen_backend(), chunks); }

/// The same for tests that need real sockets beside it: never the simulator, which reaches nobody.
inline const BackendMaker& chosen_socket_backend() {
  const BackendMaker& chosen = chosen_backend();
  return chosen.name == "sim" ? kBackends[0] : chosen;
}
inline std::unique_ptr<io::Backend> make_socket_backend(base::ChunkPool& chunks) {
  return made_by(chosen_socket_backend(), chunks);
}

inline std::string backend_name(const ::testing::TestParamInfo<BackendMaker>& info) {
  return std::string(info.param.name);
}
inline void PrintTo(const BackendMaker& maker, std::ostream* out) { *out << maker.name; }

}  // namespace distflow::test
