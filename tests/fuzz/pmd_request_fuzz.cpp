// A PMD is played a script of connections, bytes, requests, ends and pauses. Whatever it says: the registry keeps its
// invariants, what comes back is frames of JSON, and at the end the PMD ends in time.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/json_grammar.hpp"
#include "tests/support/memory_pmd.hpp"

namespace {

using namespace distflow;

constexpr std::size_t kPeersMax = 8;

class Script {
 public:
  Script(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool has_more() const { return !rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view text() {
    const std::string_view taken = rest_.substr(0, byte());
    rest_.remove_prefix(std::min(taken.size(), rest_.size()));
    return taken;
  }

 private:
  std::string_view rest_;
};

/// Requests with few names among them, so that they have to do with each other.
std::string likely_request(Script& script) {
  constexpr std::array kNames = {"a", "b", "c", "d"};
  const std::string node_id = kNames[script.byte() % 4];
  const std::string alias = kNames[script.byte() % 4];
  switch (script.byte() % 10) {
    case 0:
      return R"({"type":"register","payload":{"nodeId":")" + node_id + R"(","alias":")" + alias +
             R"(","host":"h","port":1,"ttl":700,"caps":["pmd-shutdown"]},"requestId":1})";
    case 1: return R"({"type":"unregister","payload":{"nodeId":")" + node_id + R"("}})";
    case 2: return R"({"type":"resolve","payload":{"alias":")" + alias + R"("}})";
    case 3: return R"({"type":"heartbeat","payload":{"nodeId":")" + node_id + R"("}})";
    case 4: return R"({"type":"watch","requestId":[2]})";
    case 5: return R"({"type":"list"})";
    case 6:
      return R"({"type":"register","payload":{"nodeId":")" + node_id + R"(","alias":")" + alias +
             R"(","host":"h","port":2}})";
    case 7: return R"({"type":"hello","payload":{"caps":["groups"]}})";
    case 8: return R"({"type":"regroup","payload":{"nodeId":")" + node_id + R"(","join":["g",")" + alias + R"("]}})";
    case 9: return R"({"type":"regroup","payload":{"nodeId":")" + node_id + R"(","leave":["g"]}})";
    default: return R"({"type":"hello"})";
  }
}

void check_answers(test::MemoryPmd& pmd, std::size_t peer_count) {
  for (std::size_t peer = 0; peer < peer_count; ++peer) {
    for (const std::string& frame : pmd.receive(peer)) DF_ASSERT(protocol::is_json(frame));
  }
}

void play(Script& script, test::MemoryPmd& pmd) {
  std::size_t peer_count = 1;
  pmd.connect();
  while (script.has_more()) {
    const std::uint8_t verb = script.byte();
    const std::size_t peer = verb / 16 % peer_count;
    switch (verb % 8) {
      case 0:
        if (peer_count < kPeersMax) ++peer_count, pmd.connect();
        break;
      case 1: pmd.network().write(peer, script.text()); break;
      case 2: pmd.send(peer, script.text()); break;
      case 3: pmd.hang_up(peer); break;
      case 4: pmd.network().set_window(peer, script.byte() * std::size_t{16}); break;
      case 5: pmd.stall(base::milliseconds(script.byte() * 8)); break;
      default: pmd.send(peer, likely_request(script)); break;
    }
    DF_ASSERT(pmd.server().registry().invariants());
    check_answers(pmd, peer_count);
  }
  pmd.server().begin_shutdown();
  pmd.advance(base::milliseconds(1100));
  DF_ASSERT(pmd.server().is_finished());
  // Leaves are spread over turns, and a PMD that ends does not go on with them: what is left there goes with it.
  DF_ASSERT(pmd.server().registry().invariants());
  DF_ASSERT(pmd.server().counters().joins >= pmd.server().counters().leaves);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pmd::ServerOptions options;
  options.watcher_backlog_max = 4096;
  options.reply_backlog_pause = 1024;
  options.reply_backlog_max = 16 * 1024;
  test::MemoryPmd pmd(options);
  DF_ASSERT(pmd.start());
  Script script(data, size);
  play(script, pmd);
  return 0;
}
