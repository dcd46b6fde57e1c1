// What was sent and what was handled, message by message: finds the lost order, the duplicate, the changed byte.
//
// One thread. A flow is one sender's messages to one name; each carries sender, flow, its number in it, and a checksum.
//   1. Of each flow a receiver sees each number once at most, none that was not sent, and those of one connection
//   rising.
// Use: std::string text = ledger.write(sender, name, size); ... auto [wrong, is_late, from] = ledger.read(receiver,
// text)
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace distflow::test {

class Ledger {
 public:
  using Member = std::uint32_t;  // of which there is never another

  /// The next message of the flow.
  std::string write(Member sender, const std::string& name, std::size_t padding) {
    const std::uint32_t flow = flows_.try_emplace(name, static_cast<std::uint32_t>(flows_.size())).first->second;
    const std::uint64_t number = ++last_sent_[{sender, flow}];
    const std::string pad(padding, static_cast<char>('a' + number % 26));
    char head[128];
    const int size = std::snprintf(head, sizeof head, R"({"s":%u,"f":%u,"n":%)" PRIu64 R"(,"c":%)" PRIu64 R"(,"x":")",
                                   sender, flow, number, checksum(sender, flow, number, pad));
    return std::string(head, static_cast<std::size_t>(size)) + pad + "\"}";
  }

  struct Reading {
    std::string wrong;     ///< what is wrong with the message; empty when nothing is
    bool is_late = false;  ///< a later one of its flow came before it
    Member sender = 0;
  };

  /// Takes note of a message that was handled.
  Reading read(Member receiver, std::string_view text) {
    Member sender = 0;
    std::uint32_t flow = 0;
    std::uint64_t number = 0;
    std::uint64_t sum = 0;
    int head = 0;
    const std::string copy(text);  // with an end
    const int fields = std::sscanf(copy.c_str(), R"({"s":%u,"f":%u,"n":%)" SCNu64 R"(,"c":%)" SCNu64 R"(,"x":"%n)",
                                   &sender, &flow, &number, &sum, &head);
    if (fields != 4 || head <= 0 || !copy.ends_with("\"}")) return {"a message is corrupt: " + copy.substr(0, 100)};
    const std::string_view pad = std::string_view(copy).substr(static_cast<std::size_t>(head));
    if (sum != checksum(sender, flow, number, pad.substr(0, pad.size() - 2))) {
      return {"a message's checksum is wrong: " + copy.substr(0, 100)};
    }
    const auto which = [&](const char* what) {
      return "message " + std::to_string(number) + " of flow " + std::to_string(sender) + "/" + std::to_string(flow) +
             " at " + std::to_string(receiver) + what;
    };
    const auto sent = last_sent_.find({sender, flow});
    if (sent == last_sent_.end() || number > sent->second) return {which(" was never sent")};
    Handled& handled = handled_[{receiver, sender, flow}];
    const bool is_late = number <= handled.last;
    if (is_late && handled.missing.erase(number) == 0) return {which(" came twice")};
    for (; handled.last < number; ++handled.last) {
      if (handled.last + 1 < number) handled.missing.insert(handled.last + 1);
    }
    ++handled_count_;
    return {.wrong = {}, .is_late = is_late, .sender = sender};
  }

  /// Whether the receiver has had the flow's last message.
  [[nodiscard]] bool has_handled_last(Member receiver, Member sender, const std::string& name) const {
    const std::uint32_t flow = flows_.at(name);
    const auto handled = handled_.find({receiver, sender, flow});
    return handled != handled_.end() && handled->second.last == last_sent_.at({sender, flow});
  }

  [[nodiscard]] std::uint64_t handled_count() const { return handled_count_; }

 private:
  struct Handled {
    std::uint64_t last = 0;           // the highest number
    std::set<std::uint64_t> missing;  // those below it that have not come
  };

  static std::uint64_t checksum(Member sender, std::uint32_t flow, std::uint64_t number, std::string_view pad) {
    std::uint64_t sum = 14695981039346656037ULL;
    const auto mix = [&sum](std::uint64_t value) { sum = (sum ^ value) * 1099511628211ULL; };
    mix(sender);
    mix(flow);
    mix(number);
    for (const char c : pad) mix(static_cast<unsigned char>(c));
    return sum;
  }

  std::map<std::string, std::uint32_t> flows_;
  std::map<std::pair<Member, std::uint32_t>, std::uint64_t> last_sent_;
  std::map<std::tuple<Member, Member, std::uint32_t>, Handled> handled_;
  std::uint64_t handled_count_ = 0;
};

}  // namespace distflow::test
