// A node that is started where the system gives so many threads, or descriptors, and no more: an error that says so,
// and a node once there are enough.
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>

#include "io/resolver.hpp"
#include "runtime/process/background_launcher.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/failing_threads.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

/// From the lowest that is free on, so many descriptors can be opened.
class DescriptorsLeft {
 public:
  explicit DescriptorsLeft(unsigned count) {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int lowest = ::dup(STDERR_FILENO);
    ::close(lowest);
    rlimit limit = before_;
    limit.rlim_cur = static_cast<rlim_t>(lowest) + count;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
  }
  ~DescriptorsLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorsLeft(const DescriptorsLeft&) = delete;
  DescriptorsLeft& operator=(const DescriptorsLeft&) = delete;

 private:
  rlimit before_{};
};

class StartWithout : public ::testing::TestWithParam<Threading> {
 protected:
  [[nodiscard]] NodeOptions options(std::chrono::milliseconds start_deadline) const {
    return {.alias = "self",
            .pmd_port = pmd_.port(),
            .start_pmd = false,
            .threading = GetParam(),
            .start_deadline = start_deadline,
            .backend = std::string(chosen_socket_backend().name),
            .log = LogVerbosity::error};
  }

  static void expect_to_work(NodeRuntime node) {
    std::atomic<int> count{0};
    node.on_message([&count](const Message&) { ++count; });
    EXPECT_TRUE(is_under_way(node.send("self", "1")));
    EXPECT_TRUE(turn_until([&node] { static_cast<void>(node.poll(2ms)); }, [&count] { return count == 1; }));
    EXPECT_TRUE(node.shutdown()->is_complete);
  }

  PmdThread pmd_;
};

TEST_P(StartWithout, enough_threads_is_an_error_and_with_enough_it_works) {
  const int needed = GetParam() == Threading::caller ? 0 : GetParam() == Threading::inlined ? 1 : 2;
  for (int count = 0; count <= needed; ++count) {
    const ThreadsLeft left(count);
    const Result<NodeRuntime> node = NodeRuntime::start(options(30s));
    ASSERT_EQ(static_cast<bool>(node), count == needed) << "with " << count;
    if (node) {
      expect_to_work(*node);
    } else {
      EXPECT_EQ(node.error().code, std::errc::resource_unavailable_try_again) << node.error().message();
    }
  }
}

TEST_P(StartWithout, a_thread_to_start_a_pmd_is_an_error) {
  const int others = GetParam() == Threading::caller ? 0 : GetParam() == Threading::inlined ? 1 : 2;
  NodeOptions nobody_there = options(300ms);
  nobody_there.start_pmd = true;
  {
    PmdThread ended;
    nobody_there.pmd_port = ended.port();
  }
  const ThreadsLeft left(others);
  const Result<NodeRuntime> node = NodeRuntime::start(nobody_there);
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error().code, std::errc::resource_unavailable_try_again) << node.error().message();
}

TEST_P(StartWithout, enough_descriptors_is_an_error_and_with_enough_it_works) {
  constexpr unsigned count_max = 64;
  unsigned count = 0;
  std::optional<NodeRuntime> started;
  for (; count < count_max && !started; ++count) {
    const DescriptorsLeft left(count);
    // The PMD of this process may be short of one, too: then it is the deadline that ends the attempt.
    const Result<NodeRuntime> node = NodeRuntime::start(options(100ms));
    if (node) started = *node;
  }
  std::printf("%u points\n", count);
  EXPECT_GT(count, 1U);
  ASSERT_TRUE(started);
  expect_to_work(*std::move(started));
}

constexpr Threading kModes[] = {Threading::inlined, Threading::dispatcher, Threading::caller};
INSTANTIATE_TEST_SUITE_P(modes, StartWithout, ::testing::ValuesIn(kModes), [](const auto& mode) {
  return std::string(mode.param == Threading::inlined      ? "inlined"
                     : mode.param == Threading::dispatcher ? "dispatcher"
                                                           : "caller");
});

/// A launcher whose loop has no room for a task so many times, and then takes one.
class LaunchFor {
 public:
  explicit LaunchFor(int refused) : refused_(refused) {
    options_.pmd_port = 1;
    ::setenv("DISTFLOW_PMD", "/nonexistent/distflow-pmd", 1);
  }
  ~LaunchFor() { ::unsetenv("DISTFLOW_PMD"); }
  LaunchFor(const LaunchFor&) = delete;
  LaunchFor& operator=(const LaunchFor&) = delete;

  runtime::BackgroundLauncher launcher{
      {.options = options_,
       .log = log_,
       .post = base::Delegate<bool(std::function<void()>&)>::to<&LaunchFor::post>(*this),
       .keep = base::Delegate<std::shared_ptr<const void>()>::to<&LaunchFor::keep>(*this)}};
  std::promise<std::function<void()>> posted;
  std::shared_ptr<const void> kept = std::make_shared<int>();
  std::atomic<int> tries{0};

 private:
  bool post(std::function<void()>& task) {
    if (tries++ < refused_) return false;
    posted.set_value(std::move(task));
    return true;
  }
  std::shared_ptr<const void> keep() { return kept; }

  const int refused_;
  NodeOptions options_;
  const base::Log log_{base::LogLevel::error};
};

TEST(LaunchWithoutRoom, for_its_outcome_tries_again_until_the_loop_takes_it) {
  LaunchFor loop(3);
  std::optional<Result<runtime::PmdStart>> outcome;
  loop.launcher.start_pmd([&outcome](const Result<runtime::PmdStart>& launched) { outcome = launched; });
  std::future<std::function<void()>> posted = loop.posted.get_future();
  ASSERT_EQ(posted.wait_for(30s), std::future_status::ready);
  posted.get()();
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(*outcome);
  EXPECT_EQ(loop.tries, 4);
  while (loop.kept.use_count() > 1) std::this_thread::yield();
}

TEST(LaunchWithoutRoom, ends_where_nobody_is_left_to_turn_the_loop) {
  LaunchFor loop(std::numeric_limits<int>::max());
  loop.launcher.start_pmd([](const Result<runtime::PmdStart>&) { FAIL(); });
  const std::weak_ptr<const void> of_thread = loop.kept;
  while (loop.tries == 0) std::this_thread::yield();
  loop.kept.reset();
  while (!of_thread.expired()) std::this_thread::yield();
}

TEST(LaunchWithoutRoom, nor_a_thread_is_told_at_once) {
  LaunchFor loop(1);
  const ThreadsLeft none(0);
  EXPECT_THROW(loop.launcher.start_pmd([](const Result<runtime::PmdStart>&) {}), std::bad_alloc);
}

TEST(ResolverWithoutThreads, gives_an_error_for_a_name_that_has_to_be_looked_up) {
  base::ChunkPool chunks({.chunk_size = 64 * 1024, .chunk_count_max = 4});
  io::Reactor reactor(make_backend(chunks), {});
  io::Resolver resolver(reactor);
  const ThreadsLeft none(0);
  std::optional<Error> error;
  for (std::size_t i = 0; i <= io::Resolver::kLookupsMax; ++i) {  // none of them counts as under way
    error.reset();
    resolver.resolve("host.invalid", 1, [&error](const Result<std::vector<io::Address>>& found) {
      if (!found) error = found.error();
    });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code, std::errc::resource_unavailable_try_again);
  }
}

}  // namespace
}  // namespace distflow::test
