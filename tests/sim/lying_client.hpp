// A liar among the clients of the PMD: asks for whatever can be asked, in anybody's name, in any order, on several
// connections; reads the answers or does not.
//
// One thread: the world's.
// Use: LyingClient liar(lore, "client0", seed); ... liar.act();
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/liar.hpp"

namespace distflow::test {

class LyingClient final : public Liar {
 public:
  LyingClient(Lore& lore, std::string label, std::uint64_t seed) : Liar(lore, std::move(label), seed) {}

  void act() override;
  /// Whether it has asked the PMD to end, since this was asked.
  [[nodiscard]] bool has_asked_for_end() { return std::exchange(has_asked_for_end_, false); }

 private:
  void ask(Talk& talk);
  std::string registration();
  std::string some_id();
  std::string some_alias();

  std::vector<std::unique_ptr<Talk>> talks_;
  std::vector<std::string> own_ids_;
  bool has_asked_for_end_ = false;
};

}  // namespace distflow::test
