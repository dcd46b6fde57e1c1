// A node whose process dies, or ends its node, while a child that it forked lives on.
#include <distflow/node_runtime.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string>

#include "tests/support/backends.hpp"
#include "tests/support/lock_file.hpp"
#include "tests/support/pmd_thread.hpp"

namespace distflow::test {
namespace {

/// Through which one process waits for another's word, or for its end.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    end_writing();
    ::close(ends_[0]);
  }

  void put(std::uint16_t value) const { EXPECT_EQ(::write(ends_[1], &value, sizeof value), ssize_t{sizeof value}); }
  /// 0 when no more comes.
  [[nodiscard]] std::uint16_t take() const {
    std::uint16_t value = 0;
    while (::read(ends_[0], &value, sizeof value) < 0 && errno == EINTR) {
    }
    return value;
  }
  void end_writing() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{};
};

/// A loopback address of this test's own: at 127.0.0.1 another test may be given the port as soon as it is free.
std::string own_address() {
  static const pid_t test = ::getpid();  // asked for before the parent is forked
  return "127." + std::to_string(test >> 16 & 255) + '.' + std::to_string(test >> 8 & 255) + '.' +
         std::to_string((test & 255) | 2);
}

NodeOptions ghost_options(std::uint16_t pmd_port, std::uint16_t port) {
  NodeOptions options;
  options.host = own_address();
  options.alias = "ghost";
  options.pmd_port = pmd_port;
  options.start_pmd = false;
  options.port = port;
  options.backend = std::string(chosen_socket_backend().name);
  return options;
}

enum class End { killed, orderly };

/// A process with a node, and a child of it that lives until `life` ends.
[[noreturn]] void run_parent(const Pipe& pmd_port, const Pipe& port, Pipe& life, End end) {
  Result<NodeRuntime> node = NodeRuntime::start(ghost_options(pmd_port.take(), 0));
  if (!node) ::_exit(1);
  const Pipe is_forked;
  if (::fork() == 0) {
    is_forked.put(1);  // what is done in a child as it is forked is done by now
    life.end_writing();
    static_cast<void>(life.take());
    ::_exit(0);
  }
  static_cast<void>(is_forked.take());
  life.end_writing();
  if (end == End::orderly && !node->shutdown()) ::_exit(1);
  port.put(node->port());
  for (;;) ::pause();
}

/// Alias and port are free once the parent has come to its end, though its child lives.
void expect_no_ghost(End end) {
  const Pipe pmd_port;
  Pipe port;
  Pipe life;
  static_cast<void>(own_address());
  const pid_t parent = ::fork();  // before there are threads
  if (parent == 0) run_parent(pmd_port, port, life, end);
  port.end_writing();
  const PmdThread pmd;
  pmd_port.put(pmd.port());
  const std::uint16_t node_port = port.take();
  ASSERT_NE(node_port, 0) << "the parent has no node";
  const auto end_parent = [parent] {
    ::kill(parent, SIGKILL);
    while (::waitpid(parent, nullptr, 0) < 0 && errno == EINTR) {
    }
    remove_lock_file(parent);
  };
  if (end == End::killed) end_parent();
  const Result<NodeRuntime> next = NodeRuntime::start(ghost_options(pmd.port(), node_port));
  EXPECT_TRUE(next) << next.error().message();
  if (end == End::orderly) end_parent();
}

TEST(ForkedNode, the_alias_and_the_port_of_a_killed_process_are_free_though_a_forked_child_lives) {
  expect_no_ghost(End::killed);
}

TEST(ForkedNode, the_port_of_a_node_that_was_shut_down_is_free_though_a_forked_child_lives) {
  expect_no_ghost(End::orderly);
}

}  // namespace
}  // namespace distflow::test
