// Look-ups at Erlang's epmd, as Erlang makes them: a connection each.
//
//     bench_epmd_load broker                  becomes epmd, at a port of 127.0.0.1 that is free; never at epmd's own
//     bench_epmd_load solo --broker PORT      run N: N look-ups of one name
//
// Requests and answers are those of the distribution protocol: a length of two bytes, a tag, then the fields, all of
// them big-endian. The name is registered for as long as the connection lasts that registered it.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <thread>

#include "bench/contestant/contestant.hpp"
#include "bench/node/client.hpp"
#include "bench/node/look_up.hpp"
#include "bench/node/loop.hpp"
#include "io/resolver.hpp"
#include "pmd/client/epmd_probe.hpp"

namespace distflow::bench {
namespace {

constexpr std::uint16_t kNodePort = 45401;
constexpr char kNormalNode = 77;
constexpr char kTcpIpv4 = 0;
constexpr std::uint64_t kPatienceNs = 10'000'000'000;  // for epmd to answer

enum class Tag : char {
  port2_resp = 119,
  alive2_req = 120,
  alive2_resp = 121,
  port_please2_req = 122,
  alive2_x_resp = 118
};

std::string two_bytes(std::size_t value) {
  return {static_cast<char>(value >> 8 & 0xFF), static_cast<char>(value & 0xFF)};
}

std::string request_of(Tag tag, const std::string& fields) {
  return two_bytes(1 + fields.size()) + static_cast<char>(tag) + fields;
}

std::string alive2_request(const std::string& name) {
  std::string fields = two_bytes(kNodePort) + kNormalNode + kTcpIpv4;
  fields += two_bytes(6) + two_bytes(5);  // the highest and the lowest version that the node speaks
  fields += two_bytes(name.size()) + name;
  return request_of(Tag::alive2_req, fields += two_bytes(0));  // nothing extra
}

/// Whether `answer` has that tag, and says that all is well.
bool is_good(std::string_view answer, Tag tag) {
  return answer.size() >= 2 && answer[0] == static_cast<char>(tag) && answer[1] == 0;
}

class EpmdLoad {
 public:
  explicit EpmdLoad(const Setup& setup) : server_(at_port(setup, setup.broker)), registration_(connect_to(server_)) {
    const std::string name = "bench" + std::to_string(::getpid());
    must_send_all(registration_.fd(), alive2_request(name));
    const std::string answer = receive_until(registration_, [](std::string_view got) { return got.size() >= 4; });
    if (!is_good(answer, Tag::alive2_resp) && !is_good(answer, Tag::alive2_x_resp)) give_up("epmd takes no name");
    look_up_ = request_of(Tag::port_please2_req, name);
  }

  std::uint64_t play(const Block& block) {
    const auto until_end = [](std::string_view) { return false; };  // epmd ends the connection behind its answer
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t i = 0; i < block.count; ++i) {
      const std::string answer = look_up(server_, look_up_, until_end);
      if (!is_good(answer, Tag::port2_resp) || answer.substr(2, 2) != two_bytes(kNodePort)) {
        give_up("epmd does not know its own name");
      }
    }
    return monotonic_ns() - begin;
  }

 private:
  const Setup server_;
  const Socket registration_;
  std::string look_up_;
};

/// Whether epmd answers at that port.
bool is_epmd_at(Loop& loop, const io::Address& address) {
  std::optional<pmd::ProbeVerdict> verdict;
  auto on_verdict = [&](pmd::ProbeVerdict given) { verdict = given; };
  io::Resolver resolver(loop.reactor());
  pmd::EpmdProbe probe(loop.reactor(), resolver, base::Delegate<void(pmd::ProbeVerdict)>::of(on_verdict));
  probe.start(address.host(), address.port);
  loop.turn_until([&] { return verdict.has_value(); });
  return verdict == pmd::ProbeVerdict::erlang_epmd;
}

/// Says where epmd is as soon as it answers. In a process of its own, for epmd itself says nothing.
void announce(const Setup& setup, const std::string& port) {
  Loop loop(setup);
  for (const std::uint64_t begin = monotonic_ns(); monotonic_ns() - begin < kPatienceNs;) {
    if (is_epmd_at(loop, parse_address(port))) return tell_ready(port);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

/// Goes on as epmd, so that its processor time and memory are this process's.
[[noreturn]] void become_epmd(const Setup& setup) {
  const std::string port = free_port(setup);
  ::signal(SIGCHLD, SIG_IGN);  // epmd has no children and waits for none: this one's end is to leave nothing
  const pid_t child = ::fork();
  if (child == 0) {
    announce(setup, port);
    ::_exit(0);
  }
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  if (child < 0 || nowhere < 0 || ::dup2(nowhere, STDOUT_FILENO) < 0) give_up("no process or descriptor is left");
  ::setenv("ERL_EPMD_ADDRESS", "127.0.0.1", 1);
  ::execlp("epmd", "epmd", "-port", port.c_str(), nullptr);
  give_up(std::string("epmd is left out, it cannot be run (is it installed?): ") + std::strerror(errno));
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role == Role::broker) become_epmd(setup);
  if (setup.role != Role::solo) give_up("bench_epmd_load plays broker and solo");
  EpmdLoad load(setup);
  tell_ready("-");
  while (const std::optional<Block> block = next_block()) tell_took(load.play(*block));
}
