// What was sent and what was handled, message by message: finds the lost order, the duplicate, the changed byte.
//
// One thread. A flow is one sender's messages to one name; each carries sender, flow, its number in it, and a checksum.
//   1. Each number of a flow is handled once at most, by whomever, and none that was not sent. With Receivers::many it
//      is handled once at most by each.
//   2. Those of one connection come rising. A receiver's sequence is therefore as many rising strands, laid into one
//      another, as there were connections at most; the fewest that explain it are counted.
// Use: std::string text = ledger.write(sender, name, size); ... Reading reading = ledger.read(receiver, text);
#pragma once

#include <algorithm>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace distflow::test {

class Ledger {
 public:
  using Member = std::uint32_t;  // of which there is never another
  enum class Receivers { one, many };

  explicit Ledger(Receivers receivers = Receivers::one) : receivers_(receivers) {}

  /// The next message of the flow.
  std::string write(Member sender, const std::string& name, std::size_t padding) {
    const auto [named, is_new] = flows_.try_emplace(name, static_cast<std::uint32_t>(flows_.size()));
    if (is_new) names_.push_back(name);
    const std::uint32_t flow = named->second;
    std::vector<bool>& is_handled = is_handled_[{sender, flow}];
    is_handled.push_back(false);
    const std::uint64_t number = is_handled.size();
    const std::string pad(padding, static_cast<char>('a' + number % 26));
    char head[128];
    const int size = std::snprintf(head, sizeof head, R"({"s":%u,"f":%u,"n":%)" PRIu64 R"(,"c":%)" PRIu64 R"(,"x":")",
                                   sender, flow, number, checksum(sender, flow, number, pad));
    return std::string(head, static_cast<std::size_t>(size)) + pad + "\"}";
  }

  struct Reading {
    std::string wrong;        ///< what is wrong with the message; empty when nothing is
    std::size_t strands = 0;  ///< that explain the order in which the receiver got the flow so far
    Member sender = 0;
    std::string_view name = {};  ///< that it was sent to
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
    const auto sent = is_handled_.find({sender, flow});
    if (sent == is_handled_.end() || number == 0 || number > sent->second.size()) return {which(" was never sent")};
    std::vector<bool>* is_handled = &sent->second;
    if (receivers_ == Receivers::many) {
      is_handled = &has_copy_[{receiver, sender, flow}];
      is_handled->resize(sent->second.size());
    }
    if ((*is_handled)[number - 1]) return {which(" came twice")};
    (*is_handled)[number - 1] = true;
    ++handled_count_;
    const std::size_t strands = lengthen(strands_[{receiver, sender, flow}], number);
    return {.wrong = {}, .strands = strands, .sender = sender, .name = names_[flow]};
  }

  /// Whether the receiver has had the flow's last message.
  [[nodiscard]] bool has_handled_last(Member receiver, Member sender, const std::string& name) const {
    const std::uint32_t flow = flows_.at(name);
    const auto strands = strands_.find({receiver, sender, flow});
    return strands != strands_.end() && strands->second.front() == is_handled_.at({sender, flow}).size();
  }

  [[nodiscard]] std::uint64_t handled_count() const { return handled_count_; }

 private:
  using Strands = std::vector<std::uint64_t>;  // the last number of each, falling

  /// Adds the number to the strand that ends closest below it, or begins one; how many there are.
  static std::size_t lengthen(Strands& strands, std::uint64_t number) {
    const auto end = std::find_if(strands.begin(), strands.end(), [&](std::uint64_t last) { return last < number; });
    if (end == strands.end()) {
      strands.push_back(number);
    } else {
      *end = number;
    }
    return strands.size();
  }

  static std::uint64_t checksum(Member sender, std::uint32_t flow, std::uint64_t number, std::string_view pad) {
    std::uint64_t sum = 14695981039346656037ULL;
    const auto mix = [&sum](std::uint64_t value) { sum = (sum ^ value) * 1099511628211ULL; };
    mix(sender);
    mix(flow);
    mix(number);
    for (const char c : pad) mix(static_cast<unsigned char>(c));
    return sum;
  }

  const Receivers receivers_;
  std::map<std::string, std::uint32_t> flows_;
  std::deque<std::string> names_;                                                    // by flow
  std::map<std::pair<Member, std::uint32_t>, std::vector<bool>> is_handled_;         // by sender and flow: of each sent
  std::map<std::tuple<Member, Member, std::uint32_t>, std::vector<bool>> has_copy_;  // by receiver, too; of many
  std::map<std::tuple<Member, Member, std::uint32_t>, Strands> strands_;             // by receiver, sender and flow
  std::uint64_t handled_count_ = 0;
};

}  // namespace distflow::test
