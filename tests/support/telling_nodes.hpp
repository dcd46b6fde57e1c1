// Nodes that tell what a test says, on a PMD with its page.
//
// Use: class MyTest : public TellingNodes {}; ... const PeerId node = add_node("id1"); ... tell(node, "{}");
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/support/memory_web.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::test {

class TellingNodes : public ::testing::Test {
 protected:
  using PeerId = MemoryPmd::PeerId;
  using StatsOfPart = std::function<std::string(std::uint64_t after)>;

  static constexpr const char* kTells = R"(,"caps":["stats"])";

  PeerId add_node(const std::string& id, std::uint32_t user = MemoryWeb::kUser, const std::string& caps = kTells) {
    const PeerId node = web.connect_as(user);
    EXPECT_THAT(pmd.ask(node, register_text(id, "", caps)), ::testing::HasSubstr(R"("success":true)"));
    return node;
  }
  static std::uint64_t number(const std::string& question, const std::string& name) {
    return std::stoull(question.substr(question.find("\"" + name + "\":") + name.size() + 3));
  }
  void answer(PeerId node, const std::string& question, const std::string& stats) {
    pmd.send(node, R"({"type":"stats:answer","payload":{"id":)" + std::to_string(number(question, "id")) +
                       R"(,"stats":)" + stats + "}}");
  }
  /// Answers the questions that have come to the node; how many there were.
  std::size_t tell(PeerId node, const std::string& stats) {
    const std::vector<std::string> asked = pmd.receive(node);
    for (const std::string& question : asked) answer(node, question, stats);
    return asked.size();
  }
  /// Answers all questions that come, by their `after`, until none comes; how many there were.
  std::size_t tell_parts(PeerId node, const StatsOfPart& stats) {
    for (std::size_t count = 0;;) {
      pmd.advance(base::milliseconds(11));  // a pause between two parts
      const std::vector<std::string> asked = pmd.receive(node);
      if (asked.empty()) return count;
      for (const std::string& question : asked) answer(node, question, stats(number(question, "after")));
      count += asked.size();
    }
  }

  MemoryWeb web;
  MemoryPmd& pmd = web.pmd();
};

}  // namespace distflow::test
