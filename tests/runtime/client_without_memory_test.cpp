// The client of a PMD with each of the allocations of a call failing once: the call throws and has changed nothing, or
// the session ends and the next one does what it asked for. It is here for the allocator that fails.
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>

#include "pmd/client/client.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/failing_allocations.hpp"
#include "tests/support/fake_pmd.hpp"
#include "tests/support/loop.hpp"

namespace distflow::test {
namespace {

/// Longer than a string keeps in itself.
const std::string kOne = "one, with a name that is too long to be kept in a string itself";
const std::string kOther = "another, with a name that is too long to be kept in a string itself";

protocol::Registration registration(const std::string& name) {
  return {.node = {.node_id = name, .host = "127.0.0.1", .port = 4000, .groups = {name}}};
}

class ClientWithoutMemory : public ::testing::Test, protected pmd::ClientObserver {
 protected:
  ClientWithoutMemory() {
    pmd_.listen();
    pmd_.script = [this](const protocol::Request& request) {
      if (request.type == protocol::RequestType::register_node) at_pmd_ = request.registration.node.node_id;
      if (request.type == protocol::RequestType::unregister) at_pmd_.clear();
      pmd_.answer_like_typescript(request);
    };
  }
  ~ClientWithoutMemory() override { end(); }

  void start() {
    end();
    is_closed_ = false;
    pmd::ClientOptions options;
    options.port = pmd_.port();
    options.registration = registration(kOne);
    options.backoff = {.first = base::milliseconds(1), .last = base::milliseconds(5)};
    options.heartbeat_interval = base::milliseconds(1);
    pmd::ClientObserver& self = *this;
    client_ = std::make_unique<pmd::Client>(pmd::ClientParts{reactor_, resolver_, stream_setup_, chunks_, out_}, self,
                                            options);
    client_->start();
    ASSERT_TRUE(until_registered(kOne));
  }
  void end() {
    if (!client_) return;
    client_->close();
    EXPECT_TRUE(turn_until(reactor_, [this] { return is_closed_; }));
    client_.reset();
  }
  void on_closed() override { is_closed_ = true; }

  bool until_registered(const std::string& name) {
    return turn_until(reactor_, [&] { return client_->is_registered() && at_pmd_ == name; });
  }
  /// Of a client that says it is registered.
  bool sends_heartbeats() {
    const std::size_t before = pmd_.count(protocol::RequestType::heartbeat);
    return turn_until(reactor_, [&] { return pmd_.count(protocol::RequestType::heartbeat) > before; });
  }

  /// In sessions of their own, `call` with each of its allocations failing; `check` gets whether it has thrown. How
  /// many there were.
  template <class Call, class Check>
  std::size_t for_each_failure(Call call, Check check) {
    for (std::size_t n = 0;; ++n) {
      start();
      if (HasFailure()) return n;
      const auto [has_thrown, has_failed] = call_with_failing_allocation(n, call);
      check(has_thrown);
      if (HasFailure()) std::printf("at allocation %zu\n", n);
      if (!has_failed || HasFailure()) return n;
    }
  }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  io::Resolver resolver_{reactor_};
  stream::StreamSetup stream_setup_;
  transport::OutBuffer out_{chunks_};
  FakePmd pmd_{reactor_, chunks_, out_};
  std::string at_pmd_;  // the nodeId that it was told last, and not that it has ended
  bool is_closed_ = false;
  std::unique_ptr<pmd::Client> client_;
};

TEST_F(ClientWithoutMemory, another_registration_is_made_by_the_next_session_or_not_at_all) {
  std::size_t thrown = 0;
  const std::size_t points = for_each_failure([this] { client_->set_registration(registration(kOther)); },
                                              [&](bool has_thrown) {
                                                thrown += has_thrown ? 1 : 0;
                                                EXPECT_TRUE(until_registered(has_thrown ? kOne : kOther));
                                                EXPECT_TRUE(sends_heartbeats());
                                                EXPECT_EQ(client_->broken_invariant(), nullptr);
                                                // And what follows counts from where it was.
                                                client_->set_registration(registration(kOne));
                                                EXPECT_TRUE(until_registered(kOne));
                                              });
  EXPECT_GT(thrown, 0U);
  EXPECT_GT(points, thrown) << "some end the session";
}

TEST_F(ClientWithoutMemory, a_registration_whose_end_cannot_be_told_stays) {
  const std::size_t points = for_each_failure([this] { client_->unregister([](const Result<void>&) {}); },
                                              [this](bool has_thrown) {
                                                if (has_thrown) {
                                                  EXPECT_TRUE(client_->is_registered());
                                                  EXPECT_TRUE(sends_heartbeats());
                                                  client_->unregister([](const Result<void>&) {});
                                                }
                                                EXPECT_FALSE(client_->is_registered());
                                                EXPECT_TRUE(turn_until(reactor_, [this] { return at_pmd_.empty(); }));
                                              });
  EXPECT_GT(points, 0U);
}

}  // namespace
}  // namespace distflow::test
