// A layer over the sockets, and no memory to open a connection that has shaken hands. In a PMD it keeps no place; a
// node's link goes on with one that carries one direction.
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "tests/support/cluster.hpp"
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

/// Each time when hands have been shaken with a peer, one allocation fails of what its link does then.
class LayeredLinkWithoutMemory : public ::testing::Test {
 protected:
  struct Outcome {
    bool has_failed = false;  ///< each time
    std::size_t dials = 0;
  };

  static constexpr std::size_t kDialsMax = 8;

  /// One message. From each handshake on, until its turn's end, the allocation fails that comes behind so many more:
  /// `first` the first time, `later` each later time, when less has to be allocated anew.
  static Outcome send_one(std::size_t first, std::size_t later) {
    base::ChunkPool chunks({.chunk_size = 64 * 1024, .chunk_count_max = 64});
    auto made = std::make_unique<MaskedLayer>(chunks);
    MaskedLayer& layer = *made;
    Cluster cluster({}, &make_socket_backend, base::LogLevel::error, std::move(made));
    TestNode& one = cluster.add_node({.alias = "one"});
    TestNode& other = cluster.add_node({.alias = "other"});
    // The lesser of two waits for an answer before it sends.
    TestNode& ping = one->node_id() > other->node_id() ? one : other;
    TestNode& pong = &ping == &one ? other : one;
    EXPECT_TRUE(cluster.turn_until([&] { return ping->directory().find(pong->node_id()) != nullptr; }));
    Outcome outcome{.has_failed = true};
    std::size_t shaken = 0;
    std::optional<FailingAllocation> nth;
    layer.on_shaken = [&](const MaskedLayer::Asked& asked) {
      if (asked.role == stream::Role::dialer && asked.name == pong->node_id())
        nth.emplace(shaken++ == 0 ? first : later);
    };
    const auto has_ended = [&] {
      if (nth) outcome.has_failed &= nth->has_failed();
      nth.reset();
      outcome.dials =
          static_cast<std::size_t>(std::ranges::count(layer.asked, pong->node_id(), &MaskedLayer::Asked::name));
      return ping.stats().sent.written + ping.stats().sent.dropped() > 0 || outcome.dials > kDialsMax;
    };
    EXPECT_EQ(ping.send(pong->node_id(), "1"), SendVerdict::queued);
    EXPECT_TRUE(cluster.turn_until(has_ended));
    layer.on_shaken = nullptr;
    return outcome;
  }
};

TEST_F(LayeredLinkWithoutMemory, dials_once_again_at_most_however_long_that_lasts) {
  std::size_t dialed_again = 0;
  for (std::size_t first = 0; !HasFailure(); ++first) {
    const Outcome once = send_one(first, SIZE_MAX);
    EXPECT_LE(once.dials, 2U) << "allocation " << first;
    if (once.dials == 1 && !once.has_failed) break;
    if (once.dials == 1) continue;
    ++dialed_again;
    for (std::size_t later = 0; !HasFailure(); ++later) {
      const Outcome outcome = send_one(first, later);
      EXPECT_EQ(outcome.dials, 2U) << "allocation " << first << ", then " << later
                                   << ": with no pause between two handshakes";
      if (!outcome.has_failed) break;
    }
  }
  EXPECT_GT(dialed_again, 0U) << "a connection could not be opened";
}

}  // namespace
}  // namespace distflow::test
