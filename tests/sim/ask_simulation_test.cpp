// Requests in whole systems under faults: nodes that are killed, stand still, are cut off and shut down, full queues,
// and liars that answer in others' names. What must hold for each request is checked against what its handler did.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "framing/frame.hpp"
#include "runtime/ask/ask_id.hpp"
#include "tests/sim/members.hpp"
#include "tests/support/sanitized.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;
using io::sim::Fault;
using runtime::AskWay;
using Severance = io::sim::Process::Severance;

constexpr std::uint16_t kPmdPort = 4369;
constexpr std::uint64_t kSeeds = kIsSanitized ? 50 : 150;
constexpr std::size_t kNodes = 4;
constexpr milliseconds kDeadlines[] = {milliseconds(1), milliseconds(20), milliseconds(300), milliseconds(2500)};

/// One request, as the test knows it.
struct Asked {
  std::uint32_t asker = 0;
  base::Instant until{};
  base::Duration stood_still{};  // of the asker, before
  int ended = 0;
  int handled = 0;
  bool has_surely_not_run = false;
};

class AskWorld final : private NodeWitness {
 public:
  explicit AskWorld(std::uint64_t seed) : random_(seed), network_(options_of(random_.next())) {
    pmd::ServerOptions options;
    options.process_id = 1;
    pmd_ = std::make_unique<PmdMember>(network_, chunks(), options);
    for (std::size_t place = 0; place < kNodes; ++place) populate(place);
    run_for(seconds(2));
    for (const Fault fault : {Fault::split, Fault::merged, Fault::delayed, Fault::short_send, Fault::slow_connect}) {
      network_.rates()[fault] = random_.chance(0.5) ? 0.2 : 0;
    }
    for (const Fault fault : {Fault::reset, Fault::half_close}) {
      network_.rates()[fault] = random_.chance(0.5) ? 0.01 : 0;
    }
  }
  ~AskWorld() {
    while (!nodes_.empty()) take_down(nodes_.size() - 1);
    if (pmd_) static_cast<void>(pmd_->finish_severed(Severance::killed));
  }

  void run() {
    for (int step = 0; step < 400 && failure.empty(); ++step) {
      act();
      run_for(milliseconds(1 + random_.uniform(30)));
    }
    is_calm_ = true;
    network_.mend_all();
    network_.rates() = {};
    for (const auto& node : nodes_) node->resume();
    run_for(seconds(4));
    kept_.clear();
    run_for(milliseconds(100));
    for (const auto& node : nodes_) {
      check_law(*node);
      if (node->stats().asks.pending > 0) fail(node->label() + " has a request that does not end");
      if (node->stats().asks.in_handlers > 0) fail(node->label() + " has a request in no handler");
      if (node->handled_count > 0) fail(node->label() + " has a request or a reply for a message");
    }
    while (!nodes_.empty()) take_down(nodes_.size() - 1);
    for (const auto& [number, asked] : asked_) {
      if (asked.ended != 1) fail("request " + number + " ended " + std::to_string(asked.ended) + " times");
      if (asked.handled > 1) fail("request " + number + " was handled twice");
      if (asked.has_surely_not_run && asked.handled > 0) fail("request " + number + " has run, which was denied");
    }
  }

  std::string failure;
  std::map<AskError, std::uint64_t> ends;
  std::uint64_t unasked = 0;

 private:
  static io::sim::NetworkOptions options_of(std::uint64_t seed) {
    return {.seed = seed,
            .latency_min = std::chrono::microseconds(20),
            .latency_max = std::chrono::microseconds(500),
            .capacity_min = 4 * 1024,
            .capacity_max = 128 * 1024};
  }
  static base::ChunkPoolOptions chunks() { return {.chunk_size = 8 * 1024, .chunk_count_max = 8}; }

  void fail(std::string what) {
    if (failure.empty()) failure = std::move(what);
  }

  void populate(std::size_t place) {
    NodeOptions options;
    options.alias = "n" + std::to_string(place);
    options.pmd_port = kPmdPort;
    options.heartbeat_interval = seconds(2);
    options.ttl = seconds(6);
    options.connect_deadline = milliseconds(400);
    options.rejoin_grace = seconds(1);
    options.send_messages_max = static_cast<std::uint32_t>(3 + random_.uniform(100));
    options.asks_per_peer_max = static_cast<std::uint32_t>(4 + random_.uniform(60));
    options.write_at_once = random_.chance(0.2);
    options.log = LogVerbosity::error;
    const auto user = random_.chance(0.7) ? io::PeerOwner::user(io::sim::Process::kUserAtFirst)
                                          : io::PeerOwner::unknown(io::OwnerStatus::cannot_ask);
    NodeWitness& witness = *this;
    nodes_.push_back(std::make_unique<NodeMember>(network_, witness, count_++, place, chunks(), options, user));
    NodeMember& node = *nodes_.back();
    node->set_request_handler([this, &node](const Request& request, Responder responder) {
      on_request(node, request, std::move(responder));
    });
  }

  void on_request(NodeMember& node, const Request& request, Responder responder) {
    const auto asked = asked_.find(std::string(request.payload));
    if (asked == asked_.end()) return;  // a liar's
    ++asked->second.handled;
    if (request.remaining() <= milliseconds(0)) fail(node.label() + " is handed a request whose time is over");
    switch (random_.uniform(8)) {
      case 0: return;  // lets go of it
      case 1: return responder.refuse(AskError::denied);
      case 2:
        if (!is_calm_) {
          return static_cast<void>(kept_.emplace_back(node.number(), request.payload, std::move(responder)));
        }
        [[fallthrough]];
      case 3:
        if (!is_calm_) static_cast<void>(ask(node));
        [[fallthrough]];
      default: static_cast<void>(responder.reply(request.payload));
    }
  }

  SendVerdict ask(NodeMember& node) {
    const std::string number = std::to_string(asked_.size() + 1);
    const milliseconds deadline = kDeadlines[random_.uniform(std::size(kDeadlines))];
    Asked& asked = asked_[number];
    asked = {.asker = node.number(), .until = node.resumes_at() + deadline, .stood_still = node.paused_total()};
    std::string name = "n" + std::to_string(random_.uniform(kNodes));
    if (random_.chance(0.05)) name = "nobody";
    node.post([] {});  // as a program that turns the loop itself: it looks at the next deadline after each call
    const AskWay::OnLoop on_loop(node->ask_way());
    const SendVerdict verdict = node->ask_way().ask(
        name, number, {.deadline = deadline, .idempotent = true, .attempts = 1 + static_cast<int>(random_.uniform(4))},
        [this, &node, number](const Reply& reply) { on_end(node, number, reply); }, AskWay::Callback::of_application);
    if (!is_under_way(verdict)) asked_.erase(number);
    return verdict;
  }

  void on_end(NodeMember& node, const std::string& number, const Reply& reply) {
    Asked& asked = asked_[number];
    ++asked.ended;
    ++ends[reply.error];
    asked.has_surely_not_run = !reply.may_have_run;
    if (reply && reply.payload != number) fail("request " + number + " has the reply " + std::string(reply.payload));
    if (reply && asked.handled != 1) fail("request " + number + " has a reply that nobody gave");
    const base::Duration stood_still = node.paused_total() - asked.stood_still;
    if (!node.process().is_severed() && network_.now() > asked.until + stood_still + milliseconds(3)) {
      fail("request " + number + " ended " + std::to_string((network_.now() - asked.until) / milliseconds(1)) +
           " ms after its deadline, as " + to_string(reply.error) + ", took " + std::to_string(reply.took.count()) +
           " us, stood still for " + std::to_string(stood_still / milliseconds(1)) + " ms");
    }
  }

  void act() {
    if (nodes_.empty()) return;
    const std::size_t which = random_.uniform(nodes_.size());
    NodeMember& node = *nodes_[which];
    check_law(node);
    const std::uint64_t dice = random_.uniform(100);
    if (dice < 70) {
      for (std::uint64_t i = random_.uniform(12); i > 0; --i) static_cast<void>(ask(node));
    } else if (dice < 80) {
      answer_kept();
    } else if (dice < 86) {
      lie(node);
    } else if (dice < 90) {
      node.pause_until(network_.now() + milliseconds(10 + random_.uniform(900)));
    } else if (dice < 94) {
      const auto other = nodes_[random_.uniform(nodes_.size())]->process().id();
      if (other != node.process().id()) network_.cut(node.process().id(), other);
    } else if (dice < 97) {
      network_.mend_all();
    } else if (dice < 99) {
      const std::size_t place = node.place();
      take_down(which);
      populate(place);
    } else {
      node.begin_shutdown(milliseconds(200));
    }
  }

  /// Outside of their handlers, as another part of the program does.
  void answer_kept() {
    for (Kept& kept : kept_) {
      for (const auto& node : nodes_) {
        if (node->number() != kept.node) continue;
        node->touch();
        const AskWay::OnLoop on_loop((*node)->ask_way());
        static_cast<void>(kept.responder.reply(kept.payload));
      }
    }
    kept_.clear();
  }

  /// Replies that nobody was asked for, by one who can say whom they are from, and has seen ids.
  void lie(NodeMember& node) {
    NodeMember& victim = *nodes_[random_.uniform(nodes_.size())];
    const std::uint64_t generation = runtime::AskId::kFirstGeneration + (random_.next() >> 33U);
    const auto id = runtime::AskId{.slot = static_cast<std::uint32_t>(random_.uniform(64)), .generation = generation};
    const std::string text = R"("re":)" + std::to_string(id.number());
    const std::string error = text + R"(,"error":"busy")";
    const bool has_payload = random_.chance(0.5);
    const auto message =
        has_payload ? runtime::OutgoingMessage("\"lie\"") : runtime::OutgoingMessage::without_payload();
    static_cast<void>(node.send(victim->node_id(), message.with(protocol::Extension(has_payload ? text : error))));
    ++unasked;
  }

  static std::string law_of(const AskStats& asks) {
    if (asks.asked != asks.replied + asks.failed() + asks.pending) return "asked is not replied, failed and pending";
    if (asks.received != asks.answered + asks.said() + asks.waiting + asks.in_handlers) {
      return "received is not answered, said, waiting and in handlers";
    }
    return {};
  }
  void check_law(NodeMember& node) {
    if (const std::string wrong = law_of(node.stats().asks); !wrong.empty()) fail(node.label() + ": " + wrong);
  }

  void take_down(std::size_t which) {
    std::unique_ptr<NodeMember> node = std::move(nodes_[which]);
    nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(which));
    if (!node->finish_severed(Severance::killed)) fail(node->label() + " cannot be taken down");
  }

  void run_for(base::Duration time) {
    const base::Instant end = network_.now() + time;
    while (failure.empty()) {
      SimMember* due = nullptr;
      base::Instant next = network_.next_event();
      const auto look = [&](SimMember& member) {
        if (member.due() <= network_.now()) due = &member;
        next = std::min(next, member.due());
      };
      look(*pmd_);
      for (const auto& node : nodes_) look(*node);
      if (due != nullptr) {
        due->turn();
        reap();
        continue;
      }
      if (next > end) break;
      network_.run_until(next);
    }
    network_.run_until(std::max(end, network_.now()));
  }
  void reap() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i]->is_over()) continue;
      const std::size_t place = nodes_[i]->place();
      nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(i));
      return populate(place);
    }
  }

  void on_message(NodeMember&, const Message&) override {}
  void on_peer(NodeMember&, const std::string&, bool) override {}
  void on_node_closed(NodeMember&) override {}
  void on_pmd_wanted(NodeMember&, OnPmdStart) override {}

  struct Kept {
    std::uint32_t node;
    std::string payload;
    Responder responder;
    Kept(std::uint32_t number, std::string_view text, Responder open)
        : node(number), payload(text), responder(std::move(open)) {}
  };

  base::Random random_;
  io::sim::Network network_;
  std::map<std::string, Asked> asked_;
  std::uint32_t count_ = 0;
  bool is_calm_ = false;
  std::unique_ptr<PmdMember> pmd_;
  std::vector<std::unique_ptr<NodeMember>> nodes_;
  std::vector<Kept> kept_;
};

TEST(AskSimulation, each_request_ends_once_and_in_time_and_none_has_run_of_which_that_is_denied) {
  std::map<AskError, std::uint64_t> ends;
  std::uint64_t lies = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    AskWorld world(seed);
    world.run();
    ASSERT_EQ(world.failure, "") << "seed " << seed;
    for (const auto& [error, count] : world.ends) ends[error] += count;
    lies += world.unasked;
  }
  for (const AskError error : {AskError::none, AskError::unresolved, AskError::not_sent, AskError::peer_left,
                               AskError::denied, AskError::failed, AskError::deadline, AskError::shut_down}) {
    EXPECT_GT(ends[error], 0U) << to_string(error) << " never came";
  }
  EXPECT_GT(lies, 0U);
}

}  // namespace
}  // namespace distflow::test
