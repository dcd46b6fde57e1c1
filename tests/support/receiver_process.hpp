// A node in a process of its own that notes what it handles where the test can read it, even after the process was
// killed. The test stops it, lets it go on, kills it.
//
// One thread. Made before the test has any other thread, as it forks; it starts its node when it is given a PMD.
// Each message is "[thread,number,...]"; a thread's numbers have to come without a gap from the first that comes.
// Use: ReceiverProcess receiver({.memory_connections_max = 16}); PmdThread pmd; receiver.start(pmd.port());
//      receiver.stop(); receiver.go_on(); receiver.kill();
#pragma once

#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "tests/support/backends.hpp"
#include "tests/support/lock_file.hpp"
#include "tests/support/loop.hpp"

#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace distflow::test {

/// What a receiver has handled of one thread of the sender.
struct HandledOfThread {
  std::atomic<std::uint64_t> first = 0;  ///< the number of the first message; of meaning when there is one
  std::atomic<std::uint64_t> count = 0;

  [[nodiscard]] std::uint64_t end() const { return first + count; }
};

/// Shared by the test and one receiver.
struct ReceiverRecord {
  std::array<HandledOfThread, 4> threads;
  std::atomic<std::uint64_t> handled = 0;
  std::atomic<std::uint64_t> out_of_order = 0;
  std::atomic<std::uint64_t> dropped = 0;  ///< by the receiver itself; known at its end
  std::array<char, 16> node_id{};          ///< set before is_ready
  std::atomic<bool> is_ready = false;

  void take(std::string_view payload) {
    std::size_t thread = 0;
    std::uint64_t number = 0;
    const char* const end = payload.data() + payload.size();
    const auto [after, error] = std::from_chars(payload.data() + 1, end, thread);
    if (error != std::errc() || thread >= threads.size()) {
      ++out_of_order;
      return;
    }
    std::from_chars(after + 1, end, number);
    HandledOfThread& of = threads[thread];
    if (of.count == 0) of.first = number;
    if (number != of.end()) ++out_of_order;
    ++of.count;
    ++handled;
  }
};

class ReceiverProcess {
 public:
  struct Options {
    std::uint32_t memory_connections_max = 0;
    Threading threading = Threading::inlined;
    /// Messages may come before the handler is set.
    MailboxLimits mailbox{.max_size = 100'000};
    int readings = 0;  ///< times that the handler reads each message, which makes it slow
  };

  explicit ReceiverProcess(const Options& options) {
    void* const shared =
        ::mmap(nullptr, sizeof(ReceiverRecord), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || ::pipe(ends_.data()) != 0) std::abort();
    record_ = ::new (shared) ReceiverRecord;
    std::fflush(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) std::abort();
    if (pid_ == 0) {
      ::close(ends_[1]);
#ifdef __linux__
      ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);  // one that stands still would not read the end of the pipe
#endif
      run(options);
      std::fflush(nullptr);
      ::_exit(::testing::Test::HasFailure() ? 1 : 0);
    }
    ::close(std::exchange(ends_[0], -1));
  }
  ~ReceiverProcess() {
    close_pipe();
    if (pid_ > 0) kill();
    ::munmap(record_, sizeof *record_);
  }
  ReceiverProcess(const ReceiverProcess&) = delete;
  ReceiverProcess& operator=(const ReceiverProcess&) = delete;

  [[nodiscard]] const ReceiverRecord& record() const { return *record_; }
  [[nodiscard]] std::string node_id() const { return {record_->node_id.data(), record_->node_id.size()}; }

  /// Returns when the node is registered as "peer".
  [[nodiscard]] bool start(std::uint16_t pmd_port) const {
    if (::write(ends_[1], &pmd_port, sizeof pmd_port) != static_cast<ssize_t>(sizeof pmd_port)) return false;
    return turn_until([] { std::this_thread::yield(); }, [this] { return record_->is_ready.load(); });
  }
  /// Returns when the process runs no more.
  void stop() const {
    ::kill(pid_, SIGSTOP);
    const int status = wait_for(WUNTRACED);
    EXPECT_TRUE(WIFSTOPPED(status)) << "it had ended before";
  }
  void go_on() const { ::kill(pid_, SIGCONT); }
  void kill() {
    ::kill(pid_, SIGKILL);
    const int status = wait_for(0);
    EXPECT_TRUE(WIFSIGNALED(status)) << "it had ended before";
    remove_lock_file(std::exchange(pid_, 0));
  }
  /// Shuts its node down; whether that was well.
  [[nodiscard]] bool end() {
    close_pipe();
    int status = 0;
    const auto has_ended = [&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; };
    if (!turn_until([] { std::this_thread::yield(); }, has_ended)) return false;
    EXPECT_FALSE(remove_lock_file(std::exchange(pid_, 0))) << "a lock file was left";
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  /// In the process of the receiver. When the test ends, however that comes, so does the pipe.
  void run(const Options& options) {
    std::uint16_t pmd_port = 0;
    if (::read(ends_[0], &pmd_port, sizeof pmd_port) != static_cast<ssize_t>(sizeof pmd_port)) return;
    auto node = NodeRuntime::start({.alias = "peer",
                                    .pmd_port = pmd_port,
                                    .start_pmd = false,
                                    .mailbox = options.mailbox,
                                    .threading = options.threading,
                                    .memory_connections_max = options.memory_connections_max,
                                    .backend = std::string(chosen_socket_backend().name)});
    ASSERT_TRUE(node) << node.error().message();
    node->on_message([this, readings = options.readings](const Message& message) {
      for (int i = 0; i < readings; ++i) {
        for (const char c : message.payload) read_bytes_ = read_bytes_ + static_cast<unsigned char>(c);
      }
      record_->take(message.payload);
    });
    node->node_id().copy(record_->node_id.data(), record_->node_id.size());
    record_->is_ready = true;
    char none = 0;
    while (::read(ends_[0], &none, 1) < 0 && errno == EINTR) {
    }
    EXPECT_TRUE(node->shutdown());
    record_->dropped = node->stats().received.dropped();
  }

  [[nodiscard]] int wait_for(int options) const {
    int status = 0;
    while (::waitpid(pid_, &status, options) < 0 && errno == EINTR) {
    }
    return status;
  }
  void close_pipe() {
    if (ends_[1] >= 0) ::close(std::exchange(ends_[1], -1));
  }

  volatile std::uint64_t read_bytes_ = 0;  // by the handler: their sum, which nobody asks for
  ReceiverRecord* record_ = nullptr;
  std::array<int, 2> ends_{-1, -1};
  pid_t pid_ = 0;
};

}  // namespace distflow::test
