// A node whose public calls are made with each of their allocations failing once. Only those of the calling thread
// fail; with Threading::caller that is the loop's, too.
//
// One thread at a time.
// Use: TEST_P(FailingCalls, ...) { sweep("send", [&] { return is_sent(node_->send(name, payload)); }); }
#pragma once

#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <cstdio>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/backends.hpp"
#include "tests/support/failing_allocations.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {

inline constexpr std::string_view kLongName = "a name that is too long to be kept in a string itself";

class FailingCalls : public ::testing::TestWithParam<Threading> {
 protected:
  FailingCalls() : node_(start()) {}
  ~FailingCalls() override {
    std::printf("%d points\n", points_);
    RecordProperty("points", points_);
    EXPECT_TRUE(node_->shutdown()->is_complete);
    const SendStats sent = node_->stats().sent;
    EXPECT_EQ(sent.accepted, accepted_);
    EXPECT_EQ(sent.accepted, sent.written + sent.dropped());
    EXPECT_GE(node_->stats().calls_out_of_memory, lacking_);
    node_.reset();
    EXPECT_TRUE(start().shutdown()->is_complete) << "a healthy node after it";
  }

  NodeOptions options() {
    return {.alias = "self",
            .pmd_port = pmd_.port(),
            .start_pmd = false,
            .threading = GetParam(),
            .backend = std::string(chosen_socket_backend().name)};
  }
  NodeRuntime start() {
    Result<NodeRuntime> node = NodeRuntime::start(options());
    EXPECT_TRUE(node) << node.error().message();
    return *std::move(node);
  }

  /// Fails one allocation after the other, until there is none left to fail. `call` says whether it has succeeded.
  /// `undo` is called behind each, with all the memory there is.
  void sweep(const char* name, const std::function<bool()>& call, const std::function<void()>& undo = {}) {
    SCOPED_TRACE(name);
    for (std::size_t n = 0;; ++n) {
      bool is_done = false;
      bool has_failed = false;
      has_lacked_ = false;
      const std::uint64_t before = counted();
      {
        const FailingAllocation nth(n);
        EXPECT_NO_THROW(is_done = call()) << "allocation " << n;
        has_failed = nth.has_failed();
      }
      ++points_;
      if (has_lacked_) {
        EXPECT_EQ(counted(), before + 1) << "allocation " << n;
      }
      if (undo) undo();
      if (has_failed) continue;
      EXPECT_TRUE(is_done);
      return;
    }
  }
  // What a call says for lack of memory is that, and nothing else; and it is counted, once.
  bool has_worked(SendVerdict verdict) {
    EXPECT_TRUE(is_under_way(verdict) || verdict == SendVerdict::out_of_memory) << to_string(verdict);
    has_lacked_ = verdict == SendVerdict::out_of_memory;
    return is_under_way(verdict);
  }
  template <class T>
  bool has_worked(const Result<T>& result) {
    EXPECT_TRUE(result || result.error() == Errc::out_of_memory) << result.error().message();
    has_lacked_ = !result && result.error() == Errc::out_of_memory;
    return static_cast<bool>(result);
  }
  /// The calls that have failed for lack of memory, as the node has counted them.
  [[nodiscard]] std::uint64_t counted() const { return node_->stats().calls_out_of_memory; }
  bool is_sent(SendVerdict verdict) {
    if (is_under_way(verdict)) ++accepted_;
    if (verdict == SendVerdict::out_of_memory) ++lacking_;
    return has_worked(verdict);
  }
  /// Requests and replies are messages, too.
  void count_requests() { accepted_ = node_->stats().sent.accepted; }
  [[nodiscard]] std::string fresh_name() { return std::string(kLongName) + std::to_string(++names_); }

  PmdThread pmd_;
  std::optional<NodeRuntime> node_;
  std::uint64_t accepted_ = 0;
  std::uint64_t lacking_ = 0;  // sends that were said to have found no memory
  bool has_lacked_ = false;    // the last call that has_worked() judged
  int points_ = 0;
  int names_ = 0;
};

inline std::string name_of_mode(const ::testing::TestParamInfo<Threading>& mode) {
  return mode.param == Threading::inlined ? "inlined" : mode.param == Threading::dispatcher ? "dispatcher" : "caller";
}

}  // namespace distflow::test
