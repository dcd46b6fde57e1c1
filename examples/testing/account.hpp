// account: adds up what is paid in. `[ID,AMOUNT]` is a payment, and the answer is the sum. Who gets no answer pays
// again, with the same ID.
#pragma once

#include <chrono>
#include <cstdio>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

class Account {
 public:
  /// What it does with a payment that comes again. To count it is the fault that account_test finds.
  enum class Repeats { counted, recognised };

  Account(distflow::NodeRuntime node, Repeats repeats) : node_(std::move(node)), repeats_(repeats) {
    node_.on_request([this](const distflow::Request& request, distflow::Responder responder) {
      int id = 0;
      int amount = 0;
      if (std::sscanf(std::string(request.payload).c_str(), "[%d,%d]", &id, &amount) != 2) {
        return responder.refuse(distflow::AskError::denied);
      }
      const bool is_new = paid_.insert(id).second;
      if (is_new || repeats_ == Repeats::counted) sum_ += amount;
      responder.reply(std::to_string(sum_));
    });
  }

  [[nodiscard]] int sum() const { return sum_; }

 private:
  distflow::NodeRuntime node_;
  const Repeats repeats_;
  std::set<int> paid_;
  int sum_ = 0;
};

/// Pays until there is an answer.
inline void pay(distflow::NodeRuntime& node, int id, int amount, std::function<void()> on_answer) {
  const std::string payment = "[" + std::to_string(id) + "," + std::to_string(amount) + "]";
  node.ask("account", payment, {.deadline = std::chrono::milliseconds(300)},
           [&node, id, amount, on_answer = std::move(on_answer)](const distflow::Reply& reply) {
             reply ? on_answer() : pay(node, id, amount, on_answer);
           });
}
