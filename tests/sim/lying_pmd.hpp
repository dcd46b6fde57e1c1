// A liar in the PMD's place: answers rightly, wrongly, twice, not at all, or what was not asked; tells of joins and
// leaves that never were, under any revision; closes when it likes.
//
// One thread: the world's.
// Use: LyingPmd liar(lore, "false pmd", seed); if (liar.is_there()) ... liar.act();
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/pmd_node.hpp"
#include "tests/sim/liar.hpp"

namespace distflow::test {

class LyingPmd final : public Liar {
 public:
  LyingPmd(Lore& lore, std::string label, std::uint64_t seed);

  /// False when another has the port.
  [[nodiscard]] bool is_there() const { return listener_ >= 0; }
  void act() override;

 private:
  void answer(Talk& talk, std::string_view frame);
  std::string right_answer(std::string_view frame);
  std::string some_response(std::string_view raw_request_id);
  std::string some_event();
  std::string some_nodes(std::string_view raw_request_id, std::string_view type);
  protocol::NodeInfo some_info();
  std::uint64_t some_revision();
  void lie(Talk& talk, std::string_view body);

  const int listener_;
  std::vector<std::unique_ptr<Talk>> talks_;
  std::vector<protocol::NodeInfo> registered_;  // of those who asked
  std::uint64_t revision_ = 0;
};

}  // namespace distflow::test
