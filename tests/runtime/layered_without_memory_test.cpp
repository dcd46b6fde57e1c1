// A PMD with a layer over its sockets that runs out of memory as it accepts: a connection that cannot be opened then
// keeps no place.
#include <gtest/gtest.h>

#include <memory>

#include "tests/support/failing_allocations.hpp"
#include "tests/support/masked_stream.hpp"
#include "tests/support/memory_pmd.hpp"

namespace distflow::test {
namespace {

class LayeredPmdWithoutMemory : public ::testing::Test {
 protected:
  ~LayeredPmdWithoutMemory() override {
    server_.begin_shutdown();
    turn();
    network_->advance(base::seconds(2));
    turn();
  }
  void turn() {
    for (int i = 0; i < 8; ++i) reactor_.turn(base::Instant::min());
  }
  static pmd::ServerOptions options() {
    pmd::ServerOptions options;
    options.connection_count_max = 2;
    return options;
  }
  /// The peer's handshake is over, unless its connection was closed.
  MemoryBackend::PeerId connect() {
    const auto peer = network_->connect();
    network_->write(peer, kHello);
    turn();
    return peer;
  }

  base::Log log_{base::LogLevel::error};
  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  MemoryBackend* network_ = new MemoryBackend(chunks_);
  io::Reactor reactor_{std::unique_ptr<io::Backend>(network_), {}};
  MaskedSetup masked_{chunks_};
  pmd::Server server_{reactor_, masked_.setup, log_, options()};
};

TEST_F(LayeredPmdWithoutMemory, a_connection_that_cannot_be_opened_keeps_no_place) {
  ASSERT_TRUE(server_.start());
  std::size_t points = 0;
  for (std::size_t n = 0;; ++n) {
    SCOPED_TRACE(n);
    bool has_failed = false;
    MemoryBackend::PeerId peer = 0;
    {
      const FailingAllocation nth(n);
      peer = connect();
      has_failed = nth.has_failed();
    }
    EXPECT_EQ(server_.connection_count(), network_->is_closed(peer) ? 0U : 1U);
    network_->end(peer);
    turn();
    ASSERT_EQ(server_.connection_count(), 0U);
    EXPECT_EQ(server_.broken_invariant(), nullptr);
    if (!has_failed) break;
    ++points;
  }
  EXPECT_GT(points, 3U);
  connect();
  connect();
  EXPECT_EQ(server_.connection_count(), 2U) << "all places are free";
}

}  // namespace
}  // namespace distflow::test
