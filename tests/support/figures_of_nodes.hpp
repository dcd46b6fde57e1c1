// Nodes that tell their figures, and viewers that look at them on the page of a PMD.
//
// Use: class MyTest : public FiguresOfNodes {}; ... web.get("/api/figures"); ... tell(node, stats(1000, 100, 10));
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/telling_nodes.hpp"

namespace distflow::test {

class FiguresOfNodes : public TellingNodes {
 protected:
  /// Questions that have come to the node.
  std::vector<std::string> asked(PeerId node) { return pmd.receive(node); }
  static std::string stats(std::uint64_t at_ms, std::uint64_t received, std::uint64_t written,
                           const std::string& more = "", const std::string& drops = "") {
    return R"({"at":)" + std::to_string(at_ms * 1000) + R"(,"queued":4,"node":{"sent":{"accepted":9,"written":)" +
           std::to_string(written) + drops + R"(},"received":{"received":)" + std::to_string(received) +
           R"(},"mailbox_size":5)" + more + R"(},"peers":[]})";
  }
  void next_round() { pmd.advance(pmd::Figures::kRoundInterval); }
  /// Nodes on one connection.
  PeerId add_nodes(const std::string& prefix, std::size_t count, std::uint32_t user = MemoryWeb::kUser,
                   const std::string& caps = kTells) {
    const PeerId node = web.connect_as(user);
    for (std::size_t i = 0; i < count; ++i) pmd.ask(node, register_text(prefix + std::to_string(i), "", caps));
    return node;
  }
  /// In which kNodesMax nodes are asked, and the next round has begun.
  static constexpr base::Duration kFullRound =
      pmd::Figures::kTurnInterval * static_cast<int>(pmd::Figures::kNodesMax / pmd::Figures::kAskedPerTurnMax) +
      pmd::Figures::kRoundInterval;
  /// Root looks each half second.
  void look_for(base::Duration time) {
    for (; time > base::Duration::zero(); time -= base::milliseconds(500)) {
      web.get("/api/figures");
      pmd.advance(base::milliseconds(500));
    }
  }
  std::size_t kept_count() { return web.web().node_figures().kept_count(); }
  /// What an answer says to ask with next.
  static std::string next_of(const std::string& answer) { return answer.substr(9, answer.find('"', 9) - 9); }
  static bool is_whole(const std::string& answer) { return answer.find(R"("isWhole":true)") != std::string::npos; }
  /// Root looks, the node answers; the path that tells root what is new from then on.
  std::string path_after_first_answer(PeerId node) {
    web.get("/api/figures");
    pmd.advance(base::milliseconds(100));
    tell(node, stats(1000, 100, 10));
    return "/api/figures?since=" + next_of(web.get("/api/figures"));
  }
  const pmd::FiguresCounters& counters() { return web.web().node_figures().counters(); }
};

}  // namespace distflow::test
