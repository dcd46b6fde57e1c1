// What the tests of the backends' contract share: a backend, a listener, and pairs of connected streams.
//
// The peer of each stream is another stream of the same backend, so that a backend without a kernel can run them too.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>

#include "base/chunk_pool.hpp"
#include "io/backend.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

class BackendContract : public ::testing::TestWithParam<BackendMaker> {
 protected:
  static constexpr base::ChunkPoolOptions kPool{.chunk_size = 64 * 1024, .chunk_count_max = 8};

  struct Pair {
    io::Handle near;  // the connecting side
    io::Handle far;   // the accepted one
  };

  void SetUp() override { open(kPool); }

  void TearDown() override {
    if (backend_ == nullptr) return;
    while (!open_.empty()) close(open_.back());
    ASSERT_TRUE(until([&] { return backend_->handle_count() == 0; })) << "a handle is left open";
    backend_.reset();
    EXPECT_EQ(pool_->leased(), 0U) << "a chunk is left leased";
  }

  /// A new backend over a pool of `options`, before anything was opened on the one before.
  void open(base::ChunkPoolOptions options) {
    backend_.reset();
    pool_ = std::make_unique<base::ChunkPool>(options);
    Result<std::unique_ptr<io::Backend>> made = GetParam().make(*pool_);
    if (!made && GetParam().may_be_refused) GTEST_SKIP() << made.error().message();
    ASSERT_TRUE(made) << made.error().message();
    backend_ = std::move(*made);
    record(GetParam());
  }

  io::Handle listen() {
    const Result<io::Handle> handle = backend_->listen(io::Address::ipv4_loopback(0), {});
    EXPECT_TRUE(handle);
    return adopt(*handle);
  }

  io::Address address_of(io::Handle handle) { return *backend_->local_address(handle); }

  io::Handle connect(io::Handle listener, Connecting& connecting) {
    const Result<io::Handle> handle = backend_->connect(address_of(listener), {}, connecting.op);
    EXPECT_TRUE(handle);
    return adopt(*handle);
  }

  /// Two streams connected with each other.
  Pair make_pair() {
    const io::Handle listener = listen();
    Accepting accepting;
    Connecting connecting;
    backend_->accept(listener, accepting.op);
    const io::Handle near = connect(listener, connecting);
    EXPECT_TRUE(until([&] { return connecting.has_ended() && !accepting.streams.empty(); }));
    EXPECT_TRUE(connecting.outcome);
    const io::Handle far = adopt(accepting.streams.front());
    finish(listener);
    return {near, far};
  }

  io::Handle adopt(io::Handle handle) {
    open_.push_back(handle);
    return handle;
  }

  /// Closes, and forgets, what TearDown() would close otherwise.
  void close(io::Handle handle) { close(handle, closings_.emplace_back()); }
  void close(io::Handle handle, Closing& closing) {
    std::erase(open_, handle);
    backend_->close(handle, closing.op);
  }
  void discard(io::Handle handle) {
    std::erase(open_, handle);
    backend_->discard(handle);
  }
  void finish(io::Handle handle) {
    Closing closing;
    close(handle, closing);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  }

  template <class Condition>
  bool until(Condition condition) {
    return poll_until(*backend_, condition);
  }

  /// Polls without waiting, often enough for all that is under way on loopback to settle.
  void poll_some(int count = 10) {
    for (int i = 0; i < count; ++i) backend_->poll(base::Instant::min());
  }

  std::unique_ptr<base::ChunkPool> pool_;
  std::unique_ptr<io::Backend> backend_;

 private:
  std::vector<io::Handle> open_;
  std::deque<Closing> closings_;  // these end when they end
};

}  // namespace distflow::test
