// That FakeRegistry holds its callers to lines 6 and 7 of registry_client.hpp: each way to break them fails a test. And
// that it does nothing while it is away.
#include "tests/support/fake_registry.hpp"

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/loop.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::runtime {
namespace {

using namespace test;

/// Notes what it is told, and does then what a test has it do.
class ToldNode final : public RegistryObserver {
 public:
  void on_registered() override { told("registered"); }
  AfterRefusal on_registration_refused(const Error&, std::string_view, const protocol::NodeInfo*) override {
    told("refused");
    return AfterRefusal::retry;
  }
  void on_registration_lost(const Error&, const protocol::NodeInfo*) override { told("lost"); }
  void on_snapshot(std::vector<protocol::NodeInfo>) override { told("snapshot"); }
  void on_join(const protocol::NodeInfo&) override { told("join"); }
  void on_leave(const protocol::NodeInfo&) override { told("leave"); }
  void on_stats_asked(const protocol::StatsPart&) override { told("asked"); }
  void on_disconnected(const Error&) override { told("disconnected"); }
  void on_start_failed(StartError) override { told("start failed"); }
  void on_closed() override { told("closed"); }

  std::vector<std::string> events;
  std::string when;  ///< of which event
  std::function<void()> what;

 private:
  void told(const char* event) {
    events.emplace_back(event);
    if (when == event && what) std::exchange(what, nullptr)();
  }
};

class FakeRegistryTest : public ::testing::Test {
 protected:
  void start() { client_->start(node_, {.node = {.node_id = "id1", .host = "localhost", .port = 1}}); }
  void turn() { turn_some(reactor_); }
  void start_and_go_away() {
    start();
    turn();
    registry_.go_away();
    turn();
  }
  void look_up() {
    client_->resolve("id1", [this](const Result<protocol::NodeInfo>& found) {
      outcomes_.push_back(found ? std::error_code() : found.error().code);
    });
  }
  void close() {
    client_->close();
    turn();
  }
  /// All calls but start() and is_registered().
  void call_all() {
    client_->resolve("id1", [this](const Result<protocol::NodeInfo>& found) { answers_.push_back(found.has_value()); });
    static_cast<void>(client_->answer_stats(1, "{}"));
    static_cast<void>(client_->owner_of_registry());
    static_cast<void>(client_->why_unregistered());
    client_->set_groups({"g"});
    client_->close();
  }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 4}};
  MemoryBackend* network_ = new MemoryBackend(chunks_);  // the reactor's
  io::Reactor reactor_{std::unique_ptr<io::Backend>(network_), {}};
  FakeRegistry registry_{reactor_};
  ToldNode node_;
  std::vector<bool> answers_;
  std::vector<std::error_code> outcomes_;  // of look_up()
  std::unique_ptr<RegistryClient> client_ = registry_.make_client();
};

TEST_F(FakeRegistryTest, line_6_a_client_is_started_once) {
  start();
  EXPECT_NONFATAL_FAILURE(start(), "start() a second time");
  close();
  EXPECT_NONFATAL_FAILURE(start(), "start() a second time");
  turn();
  close();
}

TEST_F(FakeRegistryTest, line_6_no_other_call_comes_before_that) {
  EXPECT_NONFATAL_FAILURE(client_->resolve("id1", nullptr), "resolve() before start()");
  EXPECT_NONFATAL_FAILURE(static_cast<void>(client_->answer_stats(1, "{}")), "answer_stats() before start()");
  EXPECT_NONFATAL_FAILURE(static_cast<void>(client_->owner_of_registry()), "owner_of_registry() before start()");
  EXPECT_NONFATAL_FAILURE(client_->set_groups({}), "set_groups() before start()");
  EXPECT_NONFATAL_FAILURE(static_cast<void>(client_->why_unregistered()), "why_unregistered() before start()");
  EXPECT_NONFATAL_FAILURE(client_->close(), "close() before start()");
  EXPECT_FALSE(client_->is_registered());
}

TEST_F(FakeRegistryTest, line_6_no_other_call_comes_after_the_client_has_closed) {
  start();
  turn();
  EXPECT_TRUE(client_->is_registered());
  close();
  EXPECT_NONFATAL_FAILURE(client_->resolve("id1", nullptr), "resolve() after on_closed");
  EXPECT_NONFATAL_FAILURE(client_->close(), "close() after on_closed");
  EXPECT_FALSE(client_->is_registered());
}

TEST_F(FakeRegistryTest, line_6_close_comes_once_and_changes_of_groups_come_before_it) {
  start();
  turn();
  client_->close();
  EXPECT_NONFATAL_FAILURE(client_->close(), "close() a second time");
  EXPECT_NONFATAL_FAILURE(client_->set_groups({}), "set_groups() after close()");
  turn();
  EXPECT_EQ(std::ranges::count(node_.events, "closed"), 1);
}

TEST_F(FakeRegistryTest, line_7_a_started_client_is_destroyed_after_it_has_closed) {
  start();
  turn();
  EXPECT_NONFATAL_FAILURE(client_.reset(), "destroyed before on_closed");
  EXPECT_EQ(registry_.size(), 0U);
}

TEST_F(FakeRegistryTest, line_7_all_calls_may_come_from_inside_what_the_client_tells_and_it_may_end_in_on_closed) {
  for (const char* event : {"registered", "snapshot", "join"}) {
    SCOPED_TRACE(event);
    node_.events.clear();
    answers_.clear();
    client_ = registry_.make_client();
    node_.when = event;
    node_.what = [this] {
      call_all();
      node_.when = "closed";
      node_.what = [this] { client_.reset(); };
    };
    start();
    for (int turns = 0; turns < 4; ++turns) turn();
    EXPECT_EQ(client_, nullptr);
    EXPECT_EQ(node_.events.back(), "closed");
    EXPECT_EQ(answers_, std::vector<bool>{false}) << "one answer, before on_closed (line 4)";
    EXPECT_EQ(registry_.size(), 0U);
  }
}

TEST_F(FakeRegistryTest, line_7_the_client_of_a_start_that_failed_is_closed_from_inside_that) {
  registry_.fail_next_start(Error{Errc::not_a_pmd, "asking a registry"});
  node_.when = "start failed";
  node_.what = [this] { client_->close(); };
  start();
  turn();
  EXPECT_EQ(node_.events.back(), "closed");
}

TEST_F(FakeRegistryTest, a_look_up_waits_while_the_registry_is_away_and_is_answered_when_that_is_back) {
  start();
  turn();
  look_up();
  registry_.go_away();
  look_up();
  turn();
  EXPECT_EQ(outcomes_.size(), 0U);
  registry_.come_back();
  turn();
  EXPECT_EQ(outcomes_, std::vector<std::error_code>(2));
  close();
}

TEST_F(FakeRegistryTest, line_4_a_look_up_that_waits_for_a_registry_ends_in_its_time) {
  start_and_go_away();
  look_up();
  turn();
  network_->advance(FakeRegistry::kLookUpTime / 2);
  look_up();
  turn();
  EXPECT_EQ(outcomes_.size(), 0U);
  network_->advance(FakeRegistry::kLookUpTime / 2 + base::milliseconds(10));
  turn();
  EXPECT_EQ(outcomes_, std::vector{make_error_code(Errc::timed_out)});
  network_->advance(FakeRegistry::kLookUpTime / 2);
  turn();
  EXPECT_EQ(outcomes_.size(), 2U);
  close();
}

TEST_F(FakeRegistryTest, line_4_a_look_up_that_waits_for_a_registry_is_canceled_before_the_client_has_closed) {
  start_and_go_away();
  look_up();
  turn();
  node_.when = "closed";
  node_.what = [this] { EXPECT_EQ(outcomes_, std::vector{make_error_code(Errc::canceled)}); };
  close();
  EXPECT_EQ(node_.events.back(), "closed");
}

TEST_F(FakeRegistryTest, a_registry_that_is_away_asks_nothing_takes_nothing_and_tells_of_nobody) {
  std::unique_ptr<RegistryClient> other = registry_.make_client();
  ToldNode other_node;
  other->start(other_node, {.node = {.node_id = "id2", .host = "localhost", .port = 2}});
  start_and_go_away();
  node_.events.clear();
  registry_.ask({.node_id = {}, .id = 1});
  EXPECT_FALSE(client_->answer_stats(1, "{}"));
  other->close();
  turn();
  EXPECT_EQ(node_.events, std::vector<std::string>());
  EXPECT_EQ(registry_.stats_told, std::vector<std::string>());
  close();
}

}  // namespace
}  // namespace distflow::runtime
