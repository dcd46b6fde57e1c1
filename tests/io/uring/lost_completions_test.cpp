// What a kernel does seldom: it has no memory to enter with, or drops completions for lack of it.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "tests/io/contract.hpp"
#include "tests/support/child.hpp"
#include "tests/support/refused_system_call.hpp"

// Behind all others: the kernel's headers define BLOCK_SIZE.
#include "io/uring/uring_backend.hpp"

namespace distflow::test {
namespace {

using UringLoss = BackendContract;
INSTANTIATE_TEST_SUITE_P(backends, UringLoss,
                         ::testing::Values(BackendMaker{"uring", &io::make_uring, true},
                                           BackendMaker{"uring_cooperative", &make_cooperative_uring, true}),
                         backend_name);

TEST_P(UringLoss, after_lost_completions_what_the_kernel_gave_back_goes_on) {
  const io::Handle listener = listen();
  Accepting accepting;
  backend_->accept(listener, accepting.op);
  const Pair pair = make_pair();
  const std::string sent = pattern(3'000'000);
  Receiving receiving;
  Sending sending;
  sending.start(*backend_, pair.near, {sent});
  backend_->recv(pair.far, receiving.op);
  ASSERT_TRUE(until([&] { return receiving.bytes.size() > 100'000; }));

  static_cast<io::UringBackend&>(*backend_).make_up_for_lost_completions();

  ASSERT_TRUE(until([&] { return receiving.bytes.size() == sent.size() && sending.has_ended(); }));
  EXPECT_TRUE(receiving.bytes == sent);
  EXPECT_TRUE(sending.outcome);
  EXPECT_EQ(backend_->counters().completions_lost, 1U);
  backend_->wake();
  const std::uint64_t wakes = backend_->counters().wakes;
  EXPECT_TRUE(until([&] { return backend_->counters().wakes > wakes; }));
  Connecting connecting;
  connect(listener, connecting);
  ASSERT_TRUE(until([&] { return connecting.has_ended() && !accepting.streams.empty(); })) << "still accepts";
  adopt(accepting.streams.front());
  finish(listener);
  finish(pair.far);
}

TEST_P(UringLoss, a_kernel_without_memory_to_enter_with_does_not_end_the_process) {
  const BackendMaker maker = GetParam();
  EXPECT_TRUE(passes_in_child([maker] {
    base::ChunkPool chunks{kPool};
    const Result<std::unique_ptr<io::Backend>> made = maker.make(chunks);
    if (!made) return;  // it is refused here
    (*made)->poll(base::Instant::min());
    ASSERT_TRUE(refuse_system_call({.number = __NR_io_uring_enter, .error = ENOMEM}));
    for (int i = 0; i < 3; ++i) (*made)->poll(base::kNever);
  }));
}

}  // namespace
}  // namespace distflow::test
