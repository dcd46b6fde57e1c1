// A loop whose work comes through memory: when it asks the kernel, counted in turns, looks and questions.
#include <gtest/gtest.h>

#include <string>

#include "io/epoll/epoll_poller.hpp"
#include "io/reactor.hpp"
#include "io/readiness_backend.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/memory_backend.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

constexpr int kTurnsMax = 64;
constexpr std::size_t kBytesMax = std::size_t{128} * 1024;
constexpr int kLooks = 100;

/// Counts the questions to the kernel, and may be passed over unless it is told otherwise.
struct CountedBackend final : MemoryBackend {
  using MemoryBackend::MemoryBackend;

  void poll(base::Instant deadline) override {
    events += 'k';
    ++questions;
    MemoryBackend::poll(deadline);
    if (brings_work) ++counters_.recvs;
  }
  bool may_be_passed_over() override { return !has_to_be_polled; }

  std::size_t questions = 0;
  bool brings_work = false;
  bool has_to_be_polled = false;
  std::string events;  // k: the kernel was asked
};

/// Memory that has so many bytes at each look, and what is put off for each.
class MemoryWork {
 public:
  explicit MemoryWork(io::Reactor& reactor, std::string& events) : reactor_(reactor), events_(events) {
    hook_.on_look = base::Delegate<std::size_t()>::to<&MemoryWork::look>(*this);
    hook_.on_sleep = base::Delegate<void(bool)>::to<&MemoryWork::sleep>(*this);
    answer_.on_turn_end = base::Delegate<void()>::to<&MemoryWork::answer>(*this);
    reactor.watch(hook_);
  }
  ~MemoryWork() {
    hook_.unlink();
    answer_.unlink();
  }
  MemoryWork(const MemoryWork&) = delete;
  MemoryWork& operator=(const MemoryWork&) = delete;

  std::size_t bytes = 1;
  int looks = 0;

 private:
  std::size_t look() {
    ++looks;
    if (bytes > 0) {
      events_ += 'm';
      reactor_.defer(answer_);
    }
    return bytes;
  }
  void sleep(bool) {}
  void answer() { events_ += 'a'; }

  io::Reactor& reactor_;
  std::string& events_;
  io::PollHook hook_;
  io::DeferredTask answer_;
};

class ReactorMemory : public ::testing::Test {
 protected:
  void turn(int count = 1) { turn_some(reactor_, count); }
  /// Turns until the kernel has been asked twice more, and says how many turns lie between.
  int turns_between_questions() {
    const auto turns_until_asked = [this] {
      int turns = 0;
      for (const std::size_t before = backend_.questions; backend_.questions == before && turns < 10'000; ++turns) {
        turn();
      }
      return turns;
    };
    turns_until_asked();
    return turns_until_asked();
  }

  base::ChunkPool chunks_{{}};
  io::Reactor reactor_{std::make_unique<CountedBackend>(chunks_), {.spin = base::seconds(60)}};
  CountedBackend& backend_ = static_cast<CountedBackend&>(reactor_.backend());
  MemoryWork memory_{reactor_, backend_.events};
};

TEST_F(ReactorMemory, an_answer_leaves_before_the_kernel_is_asked) {
  turn();
  EXPECT_EQ(backend_.events.substr(0, 3), "mak");  // memory, its answer, the kernel
}

TEST_F(ReactorMemory, while_memory_brings_work_the_kernel_is_asked_in_every_64th_turn) {
  turn(1000);  // each question was in vain
  EXPECT_EQ(turns_between_questions(), kTurnsMax);
  EXPECT_LE(backend_.questions, 1000U / kTurnsMax + 10);
}

TEST_F(ReactorMemory, what_a_turn_from_memory_puts_off_runs_in_it) {
  turn(1000);
  backend_.events.clear();
  turn(3);
  EXPECT_EQ(backend_.events.substr(0, 6), "mamama");
}

TEST_F(ReactorMemory, a_kernel_that_brings_work_is_asked_in_each_turn) {
  turn(1000);
  backend_.brings_work = true;
  EXPECT_EQ(turns_between_questions(), 1);
  backend_.brings_work = false;
  EXPECT_LE(turns_between_questions(), 4) << "the turns between two questions grow by doubling";
}

TEST_F(ReactorMemory, many_bytes_from_memory_bring_the_kernels_turn_sooner) {
  turn(1000);
  memory_.bytes = kBytesMax / 4;
  EXPECT_LE(turns_between_questions(), 4);
  memory_.bytes = kBytesMax;
  EXPECT_EQ(turns_between_questions(), 1);
}

TEST_F(ReactorMemory, a_backend_with_something_to_do_is_never_passed_over) {
  turn(1000);
  backend_.has_to_be_polled = true;
  turn();
  EXPECT_EQ(turns_between_questions(), 1);
}

TEST_F(ReactorMemory, a_message_from_the_kernel_is_heard_within_64_turns_of_saturated_memory) {
  Accepting accepting;
  const Result<io::Handle> listener = backend_.listen(io::Address::ipv4_loopback(0), {});
  backend_.accept(*listener, accepting.op);
  const auto peer = backend_.connect();
  ASSERT_TRUE(turn_until(reactor_, [&] { return !accepting.streams.empty(); }));
  Receiving receiving;
  backend_.recv(accepting.streams.front(), receiving.op);
  turn(1000);
  backend_.write(peer, "beside memory");
  turn(kTurnsMax);
  EXPECT_EQ(receiving.bytes, "beside memory");
  for (const io::Handle handle : {*listener, accepting.streams.front()}) {
    Closing closing;
    backend_.close(handle, closing.op);
    ASSERT_TRUE(turn_until(reactor_, [&] { return closing.has_ended(); }));
  }
}

TEST_F(ReactorMemory, a_task_of_another_thread_runs_in_the_next_turn_of_saturated_memory) {
  turn(1000);
  bool has_run = false;
  EXPECT_TRUE(reactor_.post([&] { has_run = true; }));
  turn();
  EXPECT_TRUE(has_run);
}

TEST_F(ReactorMemory, a_task_of_another_thread_is_found_by_a_loop_that_spins_before_the_next_question_to_the_kernel) {
  turn(1000);
  memory_.bytes = 0;
  turn();
  const std::size_t asked = backend_.questions;
  io::PollHook posting;
  int looks = 0;
  bool has_run = false;
  auto post = [&]() -> std::size_t {
    if (++looks == kLooks / 2) {
      EXPECT_TRUE(reactor_.post([&] { has_run = backend_.questions == asked; }));
    }
    return 0;
  };
  auto sleep = [](bool) {};
  posting.on_look = base::Delegate<std::size_t()>::of(post);
  posting.on_sleep = base::Delegate<void(bool)>::of(sleep);
  reactor_.watch(posting);
  turn();
  EXPECT_TRUE(has_run);
  posting.unlink();
}

TEST_F(ReactorMemory, a_timer_expires_in_the_turn_in_which_the_kernel_is_asked) {
  int expired = 0;
  auto expire = [&] { ++expired; };
  base::Timer timer(base::Delegate<void()>::of(expire));
  turn(1000);
  reactor_.arm_after(timer, base::milliseconds(5));
  backend_.advance(base::milliseconds(10));
  turn(kTurnsMax);
  EXPECT_EQ(expired, 1);
}

TEST_F(ReactorMemory, a_loop_that_spins_looks_at_memory_a_hundred_times_between_two_questions) {
  turn();
  memory_.bytes = 0;
  turn();
  const int before = memory_.looks;
  const std::size_t asked = backend_.questions;
  turn(10);
  EXPECT_EQ(backend_.questions - asked, 10U);
  EXPECT_GE(memory_.looks - before, 10 * kLooks);
  EXPECT_LE(memory_.looks - before, 10 * (kLooks + 2)) << "and once before and behind each question";
}

TEST_F(ReactorMemory, a_loop_that_spins_answers_what_it_finds_between_two_questions_before_the_next) {
  turn(1000);
  memory_.bytes = 0;
  turn();
  memory_.looks = 0;
  io::PollHook finding;
  int looks = 0;
  auto find = [&]() -> std::size_t {
    if (++looks == kLooks / 2) memory_.bytes = 1;
    return 0;
  };
  auto sleep = [](bool) {};
  finding.on_look = base::Delegate<std::size_t()>::of(find);
  finding.on_sleep = base::Delegate<void(bool)>::of(sleep);
  reactor_.watch(finding);
  backend_.events.clear();
  turn();
  EXPECT_EQ(backend_.events.substr(0, 2), "ma");
  finding.unlink();
}

/// The real system, with clocks that are turned by hand; counts receives.
struct CountingSystem : io::posix::System {
  static inline base::Instant time{};
  static inline int receives = 0;
  static base::Instant now() { return time; }
  static base::Instant now_coarse() { return time; }
  static std::ptrdiff_t receive(int fd, char* out, std::size_t size) {
    ++receives;
    return io::posix::System::receive(fd, out, size);
  }
};

class PassedOver : public ::testing::Test {
 protected:
  PassedOver() {
    CountingSystem::time = base::Instant(base::seconds(1000));
    stream_ = *backend_->connect(io::Address::ipv4_loopback(listener_.port()), {}, connecting_.op);
    peer_ = listener_.accept();
    poll_until([&] { return connecting_.has_ended(); });
  }
  ~PassedOver() override {
    Closing closing;
    backend_->close(stream_, closing.op);
    poll_until([&] { return closing.has_ended(); });
  }

  template <class Condition>
  void poll_until(Condition condition) {
    EXPECT_TRUE(turn_until([this] { backend_->poll(base::Instant::min()); }, condition));
  }
  void hear() {
    backend_->recv(stream_, receiving_.op);
    peer_.send("x");
    poll_until([this] { return receiving_.bytes == "x"; });
    poll_until([this] { return backend_->may_be_passed_over(); });
  }
  int receives_of(int polls) {
    const int before = CountingSystem::receives;
    for (int i = 0; i < polls; ++i) backend_->poll(base::Instant::min());
    return CountingSystem::receives - before;
  }

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  std::unique_ptr<io::Backend> backend_ = *io::ReadinessBackend<io::EpollPoller, CountingSystem>::create(chunks_);
  RawSocket listener_ = RawSocket::listening();
  RawSocket peer_{-1};
  Connecting connecting_;
  Receiving receiving_;
  io::Handle stream_;
};

TEST_F(PassedOver, may_be_a_backend_that_has_nothing_to_do) {
  poll_until([this] { return backend_->may_be_passed_over(); });
  backend_->recv(stream_, receiving_.op);
  EXPECT_FALSE(backend_->may_be_passed_over()) << "an operation is enqueued";
  poll_until([this] { return backend_->may_be_passed_over(); });
}

TEST_F(PassedOver, is_no_backend_whose_clocks_are_older_than_a_millisecond) {
  poll_until([this] { return backend_->may_be_passed_over(); });
  CountingSystem::time += std::chrono::microseconds(900);
  EXPECT_TRUE(backend_->may_be_passed_over());
  CountingSystem::time += std::chrono::microseconds(200);
  EXPECT_FALSE(backend_->may_be_passed_over());
  backend_->poll(base::Instant::min());
  EXPECT_TRUE(backend_->may_be_passed_over());
}

TEST_F(PassedOver, is_no_backend_that_a_program_sleeps_on) {
  poll_until([this] { return backend_->may_be_passed_over(); });
  ASSERT_GE(backend_->pollable_fd(), 0);
  EXPECT_FALSE(backend_->may_be_passed_over());
}

TEST_F(PassedOver, a_stream_whose_bytes_are_bells_is_not_tried_between_two_questions) {
  receiving_.op.keeps_nothing = true;
  hear();
  EXPECT_EQ(receives_of(200), 0);
}

TEST_F(PassedOver, the_latest_stream_is_tried_between_two_questions_for_a_while_only) {
  hear();
  EXPECT_GT(receives_of(20), 0);
  receives_of(200);
  EXPECT_EQ(receives_of(200), 0);
  peer_.send("y");
  poll_until([this] { return receiving_.bytes == "xy"; });
  EXPECT_GT(receives_of(20), 0);
}

}  // namespace
}  // namespace distflow::test
