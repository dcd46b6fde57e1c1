// What is ReadinessBackend's own, beside the contract: raw peers, and a pool that outlives it.
#include "io/readiness_backend.hpp"

#include <gtest/gtest.h>

#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

class ReadinessBackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<io::Handle> handle =
        backend_->connect(io::Address::ipv4_loopback(listener_.port()), {}, connecting_.op);
    ASSERT_TRUE(handle);
    stream_ = *handle;
    peer_ = listener_.accept();
    ASSERT_TRUE(poll_until(*backend_, [&] { return connecting_.has_ended(); }));
  }
  void TearDown() override {
    if (backend_ != nullptr) finish(stream_);
  }
  void finish(io::Handle handle) {
    Closing closing;
    backend_->close(handle, closing.op);
    ASSERT_TRUE(poll_until(*backend_, [&] { return closing.has_ended(); }));
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  std::unique_ptr<io::Backend> backend_ = make_socket_backend(chunks_);
  RawSocket listener_ = RawSocket::listening();
  RawSocket peer_{-1};
  Connecting connecting_;
  io::Handle stream_;
};

TEST_F(ReadinessBackendTest, bytes_that_came_with_the_end_are_all_given_before_it) {
  Receiving receiving;
  peer_.send(std::string(3000, 'a'));
  peer_.send(std::string(3000, 'b'));
  peer_.end_sending();
  backend_->recv(stream_, receiving.op);
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.bytes, std::string(3000, 'a') + std::string(3000, 'b'));
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_F(ReadinessBackendTest, a_stream_can_send_after_its_peer_has_ended_its_own_sending) {
  Receiving receiving;
  peer_.end_sending();
  backend_->recv(stream_, receiving.op);
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  Sending sending;
  sending.start(*backend_, stream_, {"still here"});
  ASSERT_TRUE(poll_until(*backend_, [&] { return sending.has_ended(); }));
  EXPECT_TRUE(sending.outcome);
  EXPECT_EQ(peer_.receive(), "still here");
}

TEST_F(ReadinessBackendTest, a_reset_ends_receiving_with_the_systems_code) {
  Receiving receiving;
  backend_->recv(stream_, receiving.op);
  peer_.reset();
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.error.code, std::errc::connection_reset);
}

TEST_F(ReadinessBackendTest, urgent_data_stops_nothing) {
  Receiving receiving;
  backend_->recv(stream_, receiving.op);
  ::send(peer_.fd(), "!", 1, MSG_OOB);
  peer_.send("calm");
  peer_.end_sending();
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.bytes, "calm");
}

TEST_F(ReadinessBackendTest, a_short_send_costs_no_second_call_to_learn_that_the_buffer_is_full) {
  Sending sending;
  sending.start(*backend_, stream_, {std::string(32 << 20, 'x')});
  for (int i = 0; i < 100; ++i) backend_->poll(base::Instant::min());
  EXPECT_GT(backend_->counters().short_sends, 0U);
  EXPECT_FALSE(sending.has_ended());
  std::thread reader([&] { peer_.receive_all(); });
  ASSERT_TRUE(poll_until(*backend_, [&] { return sending.has_ended(); }));
  finish(stream_);
  reader.join();
  const Result<io::Handle> next = backend_->listen(io::Address::ipv4_loopback(0), {});
  stream_ = *next;
}

// The pool lives on in messages that the application kept; it used to wake the backend that was gone.
TEST_F(ReadinessBackendTest, a_loop_that_spins_hears_the_latest_stream_without_asking_the_kernel_for_all) {
  Receiving receiving;
  backend_->recv(stream_, receiving.op);
  peer_.send("first");
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.bytes == "first"; }));
  const auto spin = [&] {
    const std::uint64_t before = backend_->counters().waits;
    backend_->poll(base::Instant::min());
    return backend_->counters().waits - before;
  };
  // What was sent may be on its way for a moment.
  bool was_heard = false;
  for (int i = 0; i < 1000 && !was_heard; ++i) {
    spin();
    const std::size_t before = receiving.bytes.size();
    peer_.send("more");
    was_heard = spin() == 0 && receiving.bytes.size() > before;
  }
  EXPECT_TRUE(was_heard);
  EXPECT_EQ(spin(), 1U);  // the next time all are heard
  peer_.end_sending();
  ASSERT_TRUE(poll_until(*backend_, [&] { return receiving.has_ended(); }));
  EXPECT_EQ(receiving.error, Errc::end_of_stream);
}

TEST_F(ReadinessBackendTest, a_lease_given_back_after_the_backend_is_gone_wakes_nobody) {
  std::vector<base::ChunkRef> leases;
  Receiving receiving;
  receiving.on_bytes = [&](const io::Received& received) { leases.push_back(base::ChunkRef::share(received.chunk)); };
  backend_->recv(stream_, receiving.op);
  peer_.send(std::string(10'000, 'x'));
  ASSERT_TRUE(poll_until(*backend_, [&] { return backend_->counters().chunks_missing > 0; }));
  finish(stream_);
  backend_.reset();
  leases.clear();
}

TEST_F(ReadinessBackendTest, without_descriptors_a_connect_is_an_error_and_leaves_nothing_behind) {
  const std::size_t before = backend_->handle_count();
  Connecting connecting;
  const NoDescriptorsLeft none;
  EXPECT_FALSE(backend_->connect(io::Address::ipv4_loopback(listener_.port()), {}, connecting.op));
  EXPECT_TRUE(connecting.op.is_idle());
  EXPECT_EQ(backend_->handle_count(), before);
}

}  // namespace
}  // namespace distflow::test
