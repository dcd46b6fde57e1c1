// When a stream's acknowledgements are told to wait, with a clock that is turned by hand.
#include <gtest/gtest.h>

#include "io/epoll/epoll_poller.hpp"
#include "io/readiness_backend.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// The real system but for its clock; counts what it is asked.
struct CountingSystem : io::posix::System {
  static inline base::Instant time{};
  static inline int delayed = 0;
  static base::Instant now() { return time; }
  static void delay_acknowledgements(int fd) {
    ++delayed;
    io::posix::System::delay_acknowledgements(fd);
  }
};

class AcknowledgementTest : public ::testing::Test {
 protected:
  AcknowledgementTest() {
    CountingSystem::time = base::Instant(base::seconds(1000));
    CountingSystem::delayed = 0;
    listener_ = *backend_->listen(io::Address::ipv4_loopback(0), {});
    backend_->accept(listener_, accepting_.op);
    peer_.connect(backend_->local_address(listener_)->port);
    turn_until([&] { return !accepting_.streams.empty(); });
    backend_->recv(accepting_.streams.front(), receiving_.op);
  }
  ~AcknowledgementTest() override {
    for (const io::Handle handle : {listener_, accepting_.streams.front()}) {
      Closing closing;
      backend_->close(handle, closing.op);
      turn_until([&] { return closing.has_ended(); });
    }
  }

  template <class Condition>
  void turn_until(Condition condition) {
    while (!condition()) backend_->poll(base::Instant::min());
  }
  void hear_after(base::Duration silence) {
    CountingSystem::time += silence;
    backend_->poll(base::Instant::min());  // takes the time along
    const std::size_t size = receiving_.bytes.size();
    peer_.send("x");
    turn_until([&] { return receiving_.bytes.size() > size; });
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  std::unique_ptr<io::Backend> backend_ = *io::ReadinessBackend<io::EpollPoller, CountingSystem>::create(chunks_);
  io::Handle listener_;
  RawSocket peer_;
  Accepting accepting_;
  Receiving receiving_;
};

TEST_F(AcknowledgementTest, wait_from_the_second_receive_on_and_are_told_so_once) {
  hear_after(base::milliseconds(1));
  EXPECT_EQ(CountingSystem::delayed, 0);  // who asks one thing and goes costs no call
  for (int i = 0; i < 10; ++i) hear_after(base::milliseconds(1));
  EXPECT_EQ(CountingSystem::delayed, 1);
}

TEST_F(AcknowledgementTest, are_told_to_wait_again_after_a_silence_in_which_the_system_may_have_sent_one) {
  for (int i = 0; i < 2; ++i) hear_after(base::milliseconds(1));
  hear_after(base::milliseconds(40));
  EXPECT_EQ(CountingSystem::delayed, 2);
  hear_after(base::milliseconds(1));
  EXPECT_EQ(CountingSystem::delayed, 2);
}

}  // namespace
}  // namespace distflow::test
