// The network in memory itself: what is simulated behaves as it says.
#include <gtest/gtest.h>

#include "io/sim/backend.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"

namespace distflow::test {
namespace {

using io::sim::Fault;
using io::sim::Network;
using io::sim::Process;

/// Two processes with a stream between them.
class SimNetworkTest : public ::testing::Test {
 protected:
  struct Side {
    explicit Side(Network& network) : process(network, Process::Pace::driven) {}
    base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 4}};
    Process process;
    std::unique_ptr<io::Backend> backend = *io::sim::make_backend(process, chunks);
    io::Handle stream;
  };

  void SetUp() override {
    const io::Handle listener = *far_.backend->listen(io::Address::ipv4_loopback(4000), {});
    Accepting accepting;
    Connecting connecting;
    far_.backend->accept(listener, accepting.op);
    near_.stream = *near_.backend->connect(io::Address::ipv4_loopback(4000), {}, connecting.op);
    pass(base::milliseconds(1));
    ASSERT_TRUE(connecting.has_ended() && connecting.outcome);
    far_.stream = accepting.streams.at(0);
    close(far_, listener);
  }
  void TearDown() override {
    close(near_, near_.stream);
    if (far_.backend->handle_count() > 0) close(far_, far_.stream);
  }
  void close(Side& side, io::Handle handle) {
    Closing closing;
    side.backend->close(handle, closing.op);
    pass(base::milliseconds(1));
    ASSERT_TRUE(closing.has_ended());
  }
  void pass(base::Duration time) {
    const base::Instant end = network_.now() + time;
    poll_all();
    while (network_.now() < end) {
      network_.run_until(std::min(network_.next_event(), end));
      poll_all();
    }
  }
  void poll_all() {
    for (int i = 0; i < 4; ++i) {
      near_.backend->poll(base::Instant::min());
      far_.backend->poll(base::Instant::min());
    }
  }

  Network network_{{.seed = 1, .latency_min = base::Duration(1000), .latency_max = base::Duration(1000)}};
  Side near_{network_};
  Side far_{network_};
};

TEST_F(SimNetworkTest, a_process_is_told_the_user_of_the_other_one_as_of_when_that_opened_its_end) {
  EXPECT_TRUE(near_.backend->owner_of_peer(near_.stream).is_user(Process::kUserAtFirst));
  EXPECT_TRUE(far_.backend->owner_of_peer(far_.stream).is_same_user(far_.backend->own_user()));
  near_.process.set_user(io::PeerOwner::user(1001));
  EXPECT_TRUE(near_.backend->own_user().is_user(1001));
  EXPECT_TRUE(far_.backend->owner_of_peer(far_.stream).is_user(Process::kUserAtFirst)) << "it was opened before";
}

TEST_F(SimNetworkTest, nobody_is_told_the_user_of_a_process_whose_stream_has_ended) {
  close(far_, far_.stream);
  EXPECT_EQ(near_.backend->owner_of_peer(near_.stream).status(), io::OwnerStatus::ending);
}

TEST_F(SimNetworkTest, what_is_sent_under_every_fault_that_loses_nothing_arrives_as_it_was) {
  for (const Fault fault : {Fault::split, Fault::merged, Fault::delayed, Fault::short_send, Fault::interrupted,
                            Fault::spurious_readiness, Fault::spurious_wake}) {
    network_.rates()[fault] = 0.3;
  }
  Receiving receiving;
  far_.backend->recv(far_.stream, receiving.op);
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    Sending sending;
    sending.start(*near_.backend, near_.stream,
                  {std::to_string(i), "/", std::string(static_cast<std::size_t>(i), 'x')});
    for (const std::string& text : sending.texts) expected += text;
    while (!sending.has_ended()) pass(base::milliseconds(1));
  }
  network_.rates() = {};
  pass(base::seconds(10));
  EXPECT_TRUE(expected.starts_with(receiving.bytes)) << receiving.bytes.size() << " of " << expected.size();
  EXPECT_TRUE(receiving.bytes == expected);
  close(far_, far_.stream);
  for (const Fault fault : {Fault::split, Fault::merged, Fault::delayed, Fault::short_send}) {
    EXPECT_GT(network_.counts()[fault], 0U) << to_string(fault);
  }
}

TEST_F(SimNetworkTest, a_partition_holds_back_and_loses_nothing) {
  Receiving receiving;
  far_.backend->recv(far_.stream, receiving.op);
  network_.cut(near_.process.id(), far_.process.id());
  Sending sending;
  sending.start(*near_.backend, near_.stream, {"held"});
  pass(base::seconds(5));
  EXPECT_TRUE(sending.has_ended());
  EXPECT_EQ(receiving.bytes, "");
  EXPECT_EQ(network_.counts()[Fault::partition], 1U) << "counted once it is felt";
  network_.mend(near_.process.id(), far_.process.id());
  pass(base::seconds(1));
  EXPECT_EQ(receiving.bytes, "held");
  EXPECT_EQ(network_.counts()[Fault::heal], 1U);
  close(far_, far_.stream);
}

TEST_F(SimNetworkTest, a_partition_that_nobody_noticed_does_not_count) {
  network_.cut(near_.process.id(), far_.process.id());
  pass(base::seconds(5));
  network_.mend_all();
  EXPECT_EQ(network_.counts()[Fault::partition], 0U);
  EXPECT_EQ(network_.counts()[Fault::heal], 0U);
}

TEST_F(SimNetworkTest, a_descriptor_that_is_refused_counts_and_one_that_nobody_asked_for_does_not) {
  near_.process.set_descriptors_max(near_.backend->handle_count());
  EXPECT_EQ(network_.counts()[Fault::no_descriptors], 0U);
  Connecting connecting;
  const auto refused = near_.backend->connect(io::Address::ipv4_loopback(4000), {}, connecting.op);
  EXPECT_EQ(refused.error().code, std::errc::too_many_files_open);
  EXPECT_EQ(network_.counts()[Fault::no_descriptors], 1U);
}

TEST_F(SimNetworkTest, bytes_that_their_reader_does_not_take_are_seen_to_lie_unread) {
  Sending sending;
  sending.start(*near_.backend, near_.stream, {"unread"});
  pass(base::milliseconds(1));
  EXPECT_TRUE(network_.has_unread());
  Receiving receiving;
  far_.backend->recv(far_.stream, receiving.op);
  pass(base::milliseconds(1));
  EXPECT_FALSE(network_.has_unread());
  close(far_, far_.stream);
}

TEST_F(SimNetworkTest, the_port_of_a_listener_is_given_to_nobody_else_however_many_are_asked_for) {
  const io::Handle listener = *far_.backend->listen(io::Address::ipv4_loopback(0), {});
  const std::uint16_t taken = far_.backend->local_address(listener)->port;
  for (int i = 0; i < 70'000; ++i) {
    const std::uint16_t port = network_.next_port();
    ASSERT_NE(port, taken);
    ASSERT_GE(port, 32'768);
  }
  close(far_, listener);
}

TEST_F(SimNetworkTest, a_killed_process_ends_its_streams_and_one_that_vanished_does_not) {
  for (const Process::Severance how : {Process::Severance::vanished, Process::Severance::killed}) {
    SCOPED_TRACE(static_cast<int>(how));
    Network network{{.seed = 2}};
    Side client(network);
    Side server(network);
    const io::Handle listener = *server.backend->listen(io::Address::ipv4_loopback(4001), {});
    Accepting accepting;
    Connecting connecting;
    Receiving receiving;
    server.backend->accept(listener, accepting.op);
    client.stream = *client.backend->connect(io::Address::ipv4_loopback(4001), {}, connecting.op);
    const auto run = [&] {
      for (int i = 0; i < 20; ++i) {
        network.run_until(network.now() + base::milliseconds(1));
        client.backend->poll(base::Instant::min());
        server.backend->poll(base::Instant::min());
      }
    };
    run();
    client.backend->recv(client.stream, receiving.op);
    run();
    server.process.sever(how);
    run();
    EXPECT_EQ(receiving.has_ended(), how == Process::Severance::killed);
    Closing one;
    Closing two;
    Closing three;
    client.backend->close(client.stream, one.op);
    server.backend->close(listener, two.op);
    server.backend->close(accepting.streams.at(0), three.op);
    run();
    EXPECT_TRUE(one.has_ended() && two.has_ended() && three.has_ended());
  }
}

}  // namespace
}  // namespace distflow::test
