// A contestant that measures nothing and fails as it is told to.
//
//     fake_contestant ROLE [--ns N] [--lose N] [--die-at K] [--mute-at K] [--sulk] [--reach A] [--diary FILE --sign S]
//     ...
//
// A block takes N ns a unit (100), by what it says. Sources tell sinks their counts over datagram sockets without
// files.
// --lose: each count that a sink tells is short by N. --die-at, --mute-at: in its K-th block it ends, or says nothing.
// --sulk: neither the end of its input nor SIGTERM ends it. --reach: it ends at once unless it is to connect to A.
// --diary: each block adds S to FILE. --to-all: a source's messages go to each sink.
// --slow-each: of a ping's round trips, each K-th takes ten times as long.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

std::uint64_t number(const Setup& setup, std::string_view name, const char* otherwise) {
  return std::strtoull(setup.other(name, otherwise).c_str(), nullptr, 10);
}

/// An abstract address: it has no file, and goes with its socket.
socklen_t to_address(const std::string& name, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), std::min(name.size(), sizeof address.sun_path - 1));
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
}

int play_sink(const Setup& setup) {
  const std::string name = "fake-contestant-" + std::to_string(::getpid());
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  const socklen_t size = to_address(name, address);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0) give_up("cannot listen");
  tell_ready(name);
  std::uint64_t count = 0;
  while (::recv(fd, &count, sizeof count, 0) == sizeof count) {
    std::printf("done %llu %llu\n", static_cast<unsigned long long>(monotonic_ns()),
                static_cast<unsigned long long>(count - number(setup, "--lose", "0")));
    std::fflush(stdout);
  }
  return 0;
}

/// Halves of what is to be sent, for two sinks, and so on; or all of it to each.
void send_to_sinks(const std::string& connect, std::uint64_t count, bool is_to_all) {
  const auto sinks = static_cast<std::uint64_t>(std::count(connect.begin(), connect.end(), ',')) + 1;
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  for (std::size_t begin = 0; begin < connect.size();) {
    const std::size_t end = std::min(connect.find(',', begin), connect.size());
    sockaddr_un address{};
    const socklen_t size = to_address(connect.substr(begin, end - begin), address);
    const std::uint64_t share = is_to_all ? count : count / sinks + (begin == 0 ? count % sinks : 0);
    if (::sendto(fd, &share, sizeof share, 0, reinterpret_cast<const sockaddr*>(&address), size) < 0) {
      give_up("cannot send");
    }
    begin = end + 1;
  }
  ::close(fd);
}

void keep_diary(const Setup& setup) {
  const std::string path = setup.other("--diary", "");
  if (!path.empty()) std::ofstream(path, std::ios::app) << setup.other("--sign", "?");
}

int play_blocks(const Setup& setup) {
  if (setup.other("--reach", setup.connect) != setup.connect) give_up("told to connect to '" + setup.connect + "'");
  const std::uint64_t ns = number(setup, "--ns", "100");
  const std::uint64_t die_at = number(setup, "--die-at", "0");
  const std::uint64_t mute_at = number(setup, "--mute-at", "0");
  const std::uint64_t slow_each = number(setup, "--slow-each", "0");
  tell_ready("-");
  for (std::uint64_t index = 1; const auto block = next_block(); ++index) {
    if (index == die_at) return 1;
    if (index == mute_at) continue;
    keep_diary(setup);
    if (setup.role == Role::source) {
      send_to_sinks(setup.connect, block->count, setup.has("--to-all"));
      tell_sent(monotonic_ns() - block->count * ns);
    } else if (setup.role == Role::ping) {
      std::vector<std::uint64_t> times(block->count, ns + block->interval_ns);
      for (std::uint64_t i = slow_each; slow_each > 0 && i <= times.size(); i += slow_each) times[i - 1] *= 10;
      tell_times(times);
    } else {
      tell_took(block->count * ns);
    }
  }
  return 0;
}

int play(const Setup& setup) {
  if (setup.has("--sulk")) {
    ::signal(SIGTERM, SIG_IGN);
    tell_ready("-");
    while (true) ::pause();
  }
  switch (setup.role) {
    case Role::sink: return play_sink(setup);
    case Role::broker: tell_ready("the broker"); break;
    case Role::echo: tell_ready(setup.broker.empty() ? "nowhere" : setup.broker); break;
    default: return play_blocks(setup);
  }
  while (true) ::pause();
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) { return distflow::bench::play(distflow::bench::set_up(argc, argv)); }
