// Load on a PMD.
//
//     bench_pmd_load broker
//     bench_pmd_load solo --broker PORT --work WORK [--entries E] [--window N] [--watchers W] [--tell-memory]
//
// E entries (100) are registered first, over as many connections as a PMD wants for them, and stay. run N then makes N
// of
//
//     resolve_pipelined     look-ups over one connection, 64 (--window) under way
//     resolve_connection    look-ups, a connection each: connect, ask, answer, end with a reset
//     register              registrations of new nodes, 64 under way; they are taken off again, which is not measured
//     heartbeat             heartbeats of the entries, 64 under way
//     list                  lists of all entries, one after the other
//     fan_out               joins and leaves in turn, each seen by W (100) connections that watch; until the last has
//                           the last. 64 under way, so that the slowest is never further behind
//
// --tell-memory: the bytes that the PMD's process has go to the standard error, after the entries are in, and after
// each block.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/contestant/contestant.hpp"
#include "bench/contestant/daemon.hpp"
#include "bench/node/look_up.hpp"
#include "bench/node/pmd_session.hpp"
#include "bench/node/process.hpp"
#include "framing/frame.hpp"

namespace distflow::bench {
namespace {

std::uint64_t number_of(const Setup& setup, std::string_view name, const char* otherwise) {
  return std::strtoull(setup.other(name, otherwise).c_str(), nullptr, 10);
}

class PmdLoad {
 public:
  explicit PmdLoad(const Setup& setup)
      : setup_(setup),
        work_(work_of(setup.other("--work", ""))),
        entries_(number_of(setup, "--entries", "100")),
        window_(number_of(setup, "--window", "64")),
        loop_(setup),
        address_(parse_address(setup.broker)),
        pmd_(loop_, address_) {
    if (entries_ == 0 || window_ == 0) give_up("--entries and --window take 1 at least");
    const protocol::Response answer = pmd_.ask(protocol::hello_request("r", {}));
    if (!answer.hello) give_up("the PMD does not say who it is");
    process_id_ = answer.hello->pid;
    register_entries();
    if (work_ == &PmdLoad::fan_out) watch(number_of(setup, "--watchers", "100"));
    tell_memory_if_asked();
  }
  ~PmdLoad() { close_all(watchers_); }

  std::uint64_t play(const Block& block) {
    const std::uint64_t ns = (this->*work_)(block.count);
    tell_memory_if_asked();
    return ns;
  }

 private:
  /// Does it so many times; the nanoseconds that it took.
  using Work = std::uint64_t (PmdLoad::*)(std::uint64_t count);

  static Work work_of(std::string_view name) {
    if (name == "resolve_pipelined") return &PmdLoad::resolve_pipelined;
    if (name == "resolve_connection") return &PmdLoad::resolve_by_connection;
    if (name == "register") return &PmdLoad::register_new;
    if (name == "heartbeat") return &PmdLoad::heartbeat;
    if (name == "list") return &PmdLoad::list;
    if (name == "fan_out") return &PmdLoad::fan_out;
    give_up("--work takes resolve_pipelined, resolve_connection, register, heartbeat, list or fan_out");
  }

  static constexpr std::uint64_t kNewAtOnce = 16'384;      // a connection has its bound
  static constexpr std::uint64_t kEntriesAHolder = 8'192;  // of those that stay

  // Names of this process alone: several may load one PMD. Ids are as long as a node's own.
  static unsigned process() {
    static const auto id = static_cast<unsigned>(::getpid());
    return id;
  }
  void register_entries() {
    for (std::uint64_t first = 0; first < entries_; first += kEntriesAHolder) {
      PmdSession& holder = *holders_.emplace_back(std::make_unique<PmdSession>(loop_, address_));
      holder.pipeline(std::min(kEntriesAHolder, entries_ - first), window_,
                      [first](std::uint64_t i) { return registration(first + i); });
    }
  }
  static std::string node_id(std::uint64_t i) {
    std::array<char, 20> id{};
    std::snprintf(id.data(), id.size(), "%08x%08" PRIx64, process(), i & 0xFFFFFFFF);
    return id.data();
  }
  static std::string alias(std::uint64_t i) { return "service-" + std::to_string(process()) + '-' + std::to_string(i); }
  static std::string registration(std::uint64_t i) {
    return protocol::register_request(
        "r", {.node = {.node_id = node_id(i), .alias = alias(i), .host = "127.0.0.1", .port = 45401}});
  }
  /// Which entry is the i-th to be looked at: all of them in turn, far from one another.
  [[nodiscard]] std::uint64_t scattered(std::uint64_t i) const { return i * 7'919 % entries_; }

  template <class MakeRequest>
  std::uint64_t measure(std::uint64_t count, std::uint64_t window, MakeRequest request) {
    const std::uint64_t begin = monotonic_ns();
    pmd_.pipeline(count, window, request);
    return monotonic_ns() - begin;
  }

  std::uint64_t resolve_pipelined(std::uint64_t count) {
    return measure(count, window_,
                   [this](std::uint64_t i) { return protocol::resolve_request("r", alias(scattered(i))); });
  }

  std::uint64_t resolve_by_connection(std::uint64_t count) {
    const Setup server = at_port(setup_, setup_.broker);
    const auto is_whole = [](std::string_view got) {
      return got.size() >= framing::kHeaderSize &&
             got.size() - framing::kHeaderSize >= framing::read_header(got.data());
    };
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string request = protocol::resolve_request("r", alias(scattered(i)));
      std::string frame(framing::kHeaderSize, '\0');
      framing::write_header(frame.data(), static_cast<std::uint32_t>(request.size()));
      const std::string answer = look_up(server, frame += request, is_whole);
      if (!is_whole(answer) || is_refusal(answer)) give_up("the PMD refuses: " + answer);
    }
    return monotonic_ns() - begin;
  }

  std::uint64_t register_new(std::uint64_t count) {
    std::uint64_t ns = 0;
    for (std::uint64_t left = count; left > 0;) {
      const std::uint64_t some = std::min(left, kNewAtOnce);
      left -= some;
      ns += measure(some, window_, [this](std::uint64_t i) { return registration(entries_ + i); });
      pmd_.pipeline(some, window_,
                    [this](std::uint64_t i) { return protocol::unregister_request("r", node_id(entries_ + i)); });
    }
    return ns;
  }

  std::uint64_t heartbeat(std::uint64_t count) {
    // By the connection that holds them, as a PMD wants it: of many entries, those of the first one.
    const std::uint64_t share = std::min(entries_, kEntriesAHolder);
    const std::uint64_t begin = monotonic_ns();
    holders_.front()->pipeline(count, window_, [share](std::uint64_t i) {
      return protocol::heartbeat_request("r", node_id(i * 7'919 % share));
    });
    return monotonic_ns() - begin;
  }

  std::uint64_t list(std::uint64_t count) {
    return measure(count, 1, [](std::uint64_t) { return protocol::list_request("r"); });
  }

  void watch(std::uint64_t count) {
    for (std::size_t number = 0; number < count; ++number) {
      watchers_.push_back(std::make_unique<Client>(loop_, number, Client::OnFrame::to<&PmdLoad::on_watched>(*this)));
    }
    connect_all(loop_, watchers_, address_, [this](auto step) {
      watched_ = 0;
      for (const auto& watcher : step) watcher->send(loop_.encode(protocol::watch_request("r")));
      loop_.turn_until([&] { return watched_ == step.size(); });
    });
  }

  std::uint64_t fan_out(std::uint64_t count) {
    watched_ = 0;
    const auto join_or_leave = [this](std::uint64_t i) {
      return i % 2 == 0 ? registration(entries_) : protocol::unregister_request("r", node_id(entries_));
    };
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t run = std::min(window_, count - done);
      pmd_.pipeline(run, run, [&](std::uint64_t i) { return join_or_leave(done + i); });
      done += run;
      loop_.turn_until([&] { return watched_ == done * watchers_.size(); });
    }
    const std::uint64_t ns = monotonic_ns() - begin;
    if (count % 2 != 0) leave_unseen(count);
    return ns;
  }

  /// After an odd number, so that the next block begins as this one did.
  void leave_unseen(std::uint64_t count) {
    pmd_.ask(protocol::unregister_request("r", node_id(entries_)));
    loop_.turn_until([&] { return watched_ == (count + 1) * watchers_.size(); });
  }

  /// The answer to a watch, or an event.
  void on_watched(Client&, std::string_view body) {
    if (is_refusal(body)) give_up("the PMD refuses: " + std::string(body));
    ++watched_;
  }

  void tell_memory_if_asked() const {
    if (setup_.has("--tell-memory")) tell_memory(process_id_);
  }

  const Setup& setup_;
  const Work work_;
  const std::uint64_t entries_;
  const std::uint64_t window_;
  std::int64_t process_id_ = 0;
  Loop loop_;
  const io::Address address_;
  PmdSession pmd_;
  std::vector<std::unique_ptr<PmdSession>> holders_;  // of the entries
  Clients watchers_;
  std::uint64_t watched_ = 0;  // frames that watchers have got
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  raise_descriptor_limit();  // the daemon inherits it
  if (setup.role == Role::broker) become_pmd();
  if (setup.role != Role::solo) give_up("bench_pmd_load plays broker and solo");
  PmdLoad load(setup);
  tell_ready("-");
  while (const std::optional<Block> block = next_block()) tell_took(load.play(*block));
}
