// The backends that the tests run on. Another one is one line more.
//
// Use: INSTANTIATE_TEST_SUITE_P(backends, BackendContract, ::testing::ValuesIn(kBackends), backend_name);
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <ostream>
#include <string>

#include "io/epoll/epoll_poller.hpp"
#include "io/readiness_backend.hpp"

namespace distflow::test {

struct BackendMaker {
  const char* name;
  Result<std::unique_ptr<io::Backend>> (*make)(base::ChunkPool& chunks);
};

inline constexpr BackendMaker kBackends[] = {
    {"epoll", &io::ReadinessBackend<io::EpollPoller>::create},
};

/// The backend for tests of what lies above the seam.
inline std::unique_ptr<io::Backend> make_backend(base::ChunkPool& chunks) { return *kBackends[0].make(chunks); }

inline std::string backend_name(const ::testing::TestParamInfo<BackendMaker>& info) { return info.param.name; }
inline void PrintTo(const BackendMaker& maker, std::ostream* out) { *out << maker.name; }

}  // namespace distflow::test
