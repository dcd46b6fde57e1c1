#include "bench/peers/nats_broker.hpp"

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

/// What stands before the address in the server's log.
constexpr std::string_view kSign = "Listening for client connections on ";

/// Tells the address from the server's log, and the rest of the log to the standard error.
void follow_log(int log_fd) {
  std::FILE* log = ::fdopen(log_fd, "r");
  std::array<char, 512> line{};
  bool told = false;
  while (std::fgets(line.data(), line.size(), log) != nullptr) {
    std::string_view text(line.data());
    const std::size_t at = text.find(kSign);
    if (!told && at != std::string_view::npos) {
      text.remove_prefix(at + kSign.size());
      tell_ready(text.substr(0, text.find('\n')));
      told = true;
    } else if (text.find("[INF]") == std::string_view::npos) {
      std::fputs(line.data(), stderr);
    }
  }
}

}  // namespace

void become_nats_server() {
  std::array<int, 2> log{};
  if (::pipe(log.data()) != 0) give_up("no pipe for the log of nats-server");
  const ::pid_t reader = ::fork();
  if (reader < 0) give_up("no process for the log of nats-server");
  if (reader == 0) {
    // Whoever ends a whole group of processes must not end the reader before the server, which would then write to
    // nobody; the reader goes when the log does.
    ::signal(SIGTERM, SIG_IGN);
    ::close(log[1]);
    follow_log(log[0]);
    std::_Exit(0);
  }
  ::dup2(log[1], STDERR_FILENO);
  ::close(log[0]);
  ::close(log[1]);
  ::execlp("nats-server", "nats-server", "--addr", "127.0.0.1", "--port", "-1", nullptr);
  ::execl("/usr/sbin/nats-server", "nats-server", "--addr", "127.0.0.1", "--port", "-1", nullptr);
  ::execl("/usr/local/sbin/nats-server", "nats-server", "--addr", "127.0.0.1", "--port", "-1", nullptr);
  give_up("nats-server is not installed: tools/install_peers brings it");
}

}  // namespace distflow::bench
