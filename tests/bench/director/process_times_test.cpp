#include "bench/director/process_times.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

#include "bench/director/child_process.hpp"

namespace distflow::bench {
namespace {

TEST(ProcessTimes, a_process_and_its_children_and_theirs_are_counted_together) {
  constexpr const char* kBusyGrandchild =
      "(i=0; while [ $i -lt 20000 ]; do i=$((i + 1)); done; echo busy; read -r line <&3) 3<&0; true";
  ChildProcess child({"/bin/sh", "-c", kBusyGrandchild}, ChildProcess::End::by_input);
  ASSERT_EQ(child.read_line(ChildProcess::Clock::now() + std::chrono::seconds(60)), "busy");
  EXPECT_GT(cpu_ns_with_children({child.pid()}), 2'000'000U);  // far more than a shell's start takes
  EXPECT_GE(cpu_ns_with_children({::getpid()}), cpu_ns_with_children({child.pid()}));
}

TEST(ProcessTimes, who_is_gone_has_used_nothing) {
  pid_t pid = 0;
  {
    ChildProcess child({"/bin/true"}, ChildProcess::End::by_input);
    pid = child.pid();
  }
  EXPECT_EQ(cpu_ns_with_children({pid}), 0U);
  EXPECT_EQ(resident_bytes(pid), 0U);
}

TEST(ProcessTimes, memory_that_is_written_is_resident) {
  const std::uint64_t before = resident_bytes(::getpid());
  const std::string large(64 << 20, 'x');
  EXPECT_GE(resident_bytes(::getpid()) + (1 << 20), before + large.size());
}

}  // namespace
}  // namespace distflow::bench
