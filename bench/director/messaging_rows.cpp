#include "bench/director/messaging_rows.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace distflow::bench {
namespace {

constexpr std::uint64_t kSmall = 128;
constexpr std::array<std::size_t, 3> kSubscriberCounts{1, 10, 100};
constexpr double kAsksPerSecond = 1e6;
constexpr std::array<std::size_t, 2> kMemberCounts{8, 1000};

constexpr Target at_least(double value) { return {.value = value, .better = Better::higher}; }
constexpr Target at_most(double value) { return {.value = value, .better = Better::lower}; }

/// Both ends are told the same.
Seat told(Seat seat, std::string name, const std::vector<std::string>& options) {
  seat.contestant.name = std::move(name);
  for (Part* part : {&*seat.contestant.responder, &seat.contestant.driver}) {
    part->options.insert(part->options.end(), options.begin(), options.end());
  }
  return seat;
}

std::string name_of(const std::string& what, bool is_over_tcp) {
  return "distflow, " + what + (is_over_tcp ? ", TCP" : "");
}

/// Beside messages that handlers send back, and what others have for a request.
RowPlan ask_round_trip(const Catalogue& catalogue) {
  RowPlan row{.name = "ask, round trip, closed loop, 128 B",
              .kind = Kind::latency,
              .value = Value::median_time,
              .unit = "ns",
              .payload = kSmall};
  for (const bool is_over_tcp : {false, true}) {
    const NodeMode mode{.is_over_tcp = is_over_tcp};
    row.seats.push_back(catalogue.messaging(name_of("ask", is_over_tcp), Work::round_trip, kSmall, is_over_tcp));
    row.seats.push_back(
        told(catalogue.node(mode, Work::round_trip, kSmall), name_of("message and echo", is_over_tcp), {}));
    row.ratios.push_back({name_of("ask", is_over_tcp), name_of("message and echo", is_over_tcp), at_most(1.15), {}});
  }
  const auto take_peer = [&](const char* of, const std::string& name, const std::string& option) {
    row.seats.push_back(told(catalogue.peer(of, Work::round_trip, kSmall), name, {option}));
  };
  const std::string req_rep = "libzmq, REQ and REP";
  const std::string nats = "NATS, request";
  take_peer(Catalogue::kZmq, req_rep, "--requests");
  take_peer(Catalogue::kZmq, "libzmq, DEALER and ROUTER", "--routed");
  take_peer(Catalogue::kNng, "nng, req and rep", "--requests");
  take_peer(Catalogue::kNats, nats, "--requests");
  take_peer(Catalogue::kErlang, "Erlang, gen_server:call", "--requests");
  for (const std::string& other : {req_rep, nats}) {
    row.ratios.push_back({name_of("ask", true), other, at_most(1.0 / 5), {}});
    row.ratios.push_back({name_of("ask", false), other, at_most(1.0 / 20), {}});
  }
  return row;
}

/// As many as one node may have open at another, beside as many messages that are sent back.
RowPlan asks_in_flight(const Catalogue& catalogue) {
  RowPlan row{.name = "asks, 1000 in flight, 128 B",
              .kind = Kind::throughput,
              .value = Value::per_second,
              .unit = "asks/s",
              .payload = kSmall};
  for (const bool is_over_tcp : {false, true}) {
    const std::string ask = name_of("ask", is_over_tcp);
    const std::string echo = name_of("message and echo", is_over_tcp);
    row.seats.push_back(catalogue.messaging(ask, Work::both_ways, kSmall, is_over_tcp));
    row.seats.push_back(told(catalogue.node({.is_over_tcp = is_over_tcp}, Work::both_ways, kSmall), echo, {}));
    row.ratios.push_back({ask, "1 M/s", at_least(1), kAsksPerSecond});
    row.ratios.push_back({ask, echo, {}, {}});
  }
  return row;
}

/// Each subscriber is a process of its own; counted is each message at each of them, by the CPU time of all processes.
RowPlan publish(const Catalogue& catalogue, std::size_t subscribers) {
  RowPlan row{.name = "publish to " + std::to_string(subscribers) +
                      (subscribers == 1 ? " subscriber" : " subscribers") + ", 128 B",
              .kind = Kind::throughput,
              .value = Value::per_cpu_second,
              .unit = "messages/s of CPU",
              .payload = kSmall};
  const std::vector<std::string> published{"--published"};
  for (const bool is_over_tcp : {false, true}) {
    const std::string name = name_of("publish", is_over_tcp);
    row.seats.push_back(told(catalogue.messaging(name, Work::one_way, kSmall, is_over_tcp), name, published));
  }
  const std::string pub_sub = "libzmq, PUB and SUB";
  row.seats.push_back(told(catalogue.peer(Catalogue::kZmq, Work::one_way, kSmall), pub_sub, published));
  row.seats.push_back(told(catalogue.peer(Catalogue::kNats, Work::one_way, kSmall), "NATS, publish", published));
  for (Seat& seat : row.seats) {
    seat.contestant.responder_count = subscribers;
    seat.contestant.is_to_all = true;
  }
  row.block.first_count = std::max<std::uint64_t>(row.block.first_count, subscribers);
  const auto target = subscribers == 10 ? std::optional(at_least(3)) : std::nullopt;
  row.ratios = {{name_of("publish", false), pub_sub, target, {}},
                {name_of("publish", true), pub_sub, {}, {}},
                {name_of("publish", false), "NATS, publish", {}, {}}};
  return row;
}

}  // namespace

Rows messaging_rows(const Catalogue& catalogue) {
  Rows rows{ask_round_trip(catalogue), asks_in_flight(catalogue)};
  for (const std::size_t subscribers : kSubscriberCounts) rows.push_back(publish(catalogue, subscribers));
  return rows;
}

Rows pick_rows(const Catalogue& catalogue) {
  Rows rows;
  for (const std::size_t members : kMemberCounts) {
    RowPlan row{.name = "a pick among " + std::to_string(members) + " members",
                .kind = Kind::throughput,
                .value = Value::ns_each,
                .unit = "ns"};
    for (const std::string pick : {"least", "round_robin", "sticky"}) {
      row.seats.push_back(catalogue.solo(Side::ours, pick, "bench_parts",
                                         {"--part", "pick_" + pick, "--members", std::to_string(members)}));
    }
    row.ratios = {{"least", "round_robin", {}, {}}, {"sticky", "round_robin", {}, {}}};
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace distflow::bench
