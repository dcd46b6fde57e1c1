// Asks the nodes of a cluster what they tell of themselves, through its PMD.
//
// Use: StatsAsker asker(cluster); const Result<pmd::ToldStats> told = asker.ask("pong");
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <distflow/json.hpp>

#include "pmd/client/client.hpp"
#include "tests/support/cluster.hpp"

namespace distflow::test {

/// A client of the cluster's PMD that asks what nodes tell of themselves.
class StatsAsker final : private pmd::ClientObserver {
 public:
  explicit StatsAsker(Cluster& cluster)
      : cluster_(cluster),
        resolver_(cluster.reactor()),
        out_(chunks_),
        client_({cluster.reactor(), resolver_, stream_setup_, chunks_, out_}, *this, options_for(cluster)) {
    client_.start();
  }
  ~StatsAsker() {
    client_.close();
    EXPECT_TRUE(cluster_.turn_until([this] { return is_closed_; }));
  }

  Result<pmd::ToldStats> ask(std::string_view name, std::uint64_t after = 0,
                             protocol::StatsKind what = protocol::StatsKind::counters) {
    std::optional<Result<pmd::ToldStats>> answer;
    client_.stats(
        name, after, [&answer](Result<pmd::ToldStats> told) { answer.emplace(std::move(told)); }, what);
    EXPECT_TRUE(cluster_.turn_until([&] { return answer.has_value(); }));
    return *answer;
  }

 private:
  static pmd::ClientOptions options_for(Cluster& cluster) {
    pmd::ClientOptions options;
    options.host = "127.0.0.1";
    options.port = cluster.pmd_port();
    return options;
  }
  void on_closed() override { is_closed_ = true; }

  Cluster& cluster_;
  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Resolver resolver_;
  transport::OutBuffer out_;
  bool is_closed_ = false;
  stream::StreamSetup stream_setup_;
  pmd::Client client_;
};

/// `json` as a document; a test that it is none fails.
inline rapidjson::Document parsed(const std::string& json) {
  auto document = parse_json(json);
  EXPECT_TRUE(document) << json;
  return document ? *std::move(document) : rapidjson::Document();
}

}  // namespace distflow::test
