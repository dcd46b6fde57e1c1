#include "bench/director/rows.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

namespace distflow::bench {
namespace {

constexpr std::uint64_t kSmall = 128;
constexpr std::uint64_t kMiddle = 1024;
constexpr std::uint64_t kLarge = 16 * 1024;
constexpr std::uint64_t kManyConnections = 1000;
/// Payloads that no chunk of a pool holds, or few, and what is asked of them against a stream that copies once.
struct LargePayload {
  std::uint64_t size;
  double target;
};
constexpr std::array<LargePayload, 3> kLargePayloads{{{64 * 1024, 0.9}, {1024 * 1024, 0.8}, {15 * 1024 * 1024, 0.8}}};
/// What a slow receiver does with each message, in nanoseconds.
constexpr std::uint64_t kSlowWorkNs = 1000;

/// Beside rows of an application's threads.
constexpr const char* kOwnThread = "distflow, on the loop's own thread";

constexpr std::array kEveryWait{Waits::spinning, Waits::spinning_two_ways, Waits::in_epoll, Waits::blocking};

constexpr Target at_least(double value) { return {.value = value, .better = Better::higher}; }
constexpr Target at_most(double value) { return {.value = value, .better = Better::lower}; }

void append(std::vector<Seat>& seats, std::vector<Seat> more) {
  seats.insert(seats.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

RowPlan one_way(std::uint64_t payload) {
  return {.name = "one way, " + to_size(payload),
          .kind = Kind::throughput,
          .value = Value::per_second,
          .unit = "messages/s",
          .payload = payload};
}

RowPlan round_trip(const std::string& how, std::uint64_t payload) {
  return {.name = "round trip, " + how + ", " + to_size(payload),
          .kind = Kind::latency,
          .value = Value::median_time,
          .unit = "ns",
          .payload = payload};
}

RowPlan echo(std::uint64_t connections) {
  RowPlan row{.name = "echo, " + std::to_string(connections) + (connections == 1 ? " connection" : " connections"),
              .kind = Kind::throughput,
              .value = Value::per_second,
              .unit = "messages/s",
              .payload = kSmall};
  row.block.first_count = std::max<std::uint64_t>(connections, row.block.first_count);
  row.point = {.growth = "echo by connections", .x_name = "connections", .x = connections};
  return row;
}

/// Ratios of the first one to all others, as far as none names them yet.
void compare_first(RowPlan& row) {
  const std::string& first = row.seats.front().contestant.name;
  for (const Seat& seat : row.seats) {
    const std::string& other = seat.contestant.name;
    const bool is_named = std::any_of(row.ratios.begin(), row.ratios.end(),
                                      [&](const RatioPlan& ratio) { return ratio.of == first && ratio.to == other; });
    if (other != first && !is_named) row.ratios.push_back({.of = first, .to = other});
  }
}

RowPlan small_one_way(const Catalogue& catalogue) {
  const NodeMode inlined;
  const NodeMode tcp{.is_over_tcp = true};
  const NodeMode dispatcher{.threading = "dispatcher"};
  const NodeMode dispatcher_tcp{.threading = "dispatcher", .is_over_tcp = true};
  const std::string ours = Catalogue::name_of(inlined);
  RowPlan row = one_way(kSmall);
  for (const NodeMode& mode : {inlined, tcp, dispatcher, dispatcher_tcp}) {
    row.seats.push_back(catalogue.node(mode, Work::one_way, kSmall));
  }
  row.seats.push_back(catalogue.ready_frames(kSmall));
  append(row.seats, catalogue.peers(Work::one_way, kSmall));
  // Limits are of TCP, and what is held against them goes over TCP, too; against others each is as it is by default.
  row.ratios = {{Catalogue::name_of(tcp), Catalogue::kReadyFrames, at_least(0.5), {}},
                {Catalogue::name_of(tcp), Catalogue::kZmq, {}, {}},
                {Catalogue::name_of(dispatcher_tcp), Catalogue::kZmq, {}, {}},
                {ours, Catalogue::kZmq, at_least(5), {}},
                {ours, Catalogue::kNng, at_least(40), {}},
                {ours, Catalogue::kNats, at_least(6), {}},
                {ours, Catalogue::kErlang, at_least(20), {}},
                {Catalogue::name_of(dispatcher), Catalogue::kZmq, at_least(2.5), {}}};
  return row;
}

RowPlan large_one_way(const Catalogue& catalogue, std::uint64_t payload, Seat limit, double target) {
  RowPlan row = one_way(payload);
  const NodeMode tcp{.is_over_tcp = true};
  row.ratios = {{Catalogue::name_of(tcp), limit.contestant.name, at_least(target), {}}};
  row.seats = {catalogue.node({}, Work::one_way, payload), catalogue.node(tcp, Work::one_way, payload),
               std::move(limit)};
  return row;
}

/// Against a stream whose payloads are copied once, and against libzmq; two messages make a trial. What goes
/// through memory has the same targets as over TCP.
RowPlan huge_one_way(const Catalogue& catalogue, const LargePayload& payload) {
  RowPlan row = large_one_way(catalogue, payload.size, catalogue.copied_stream(payload.size), payload.target);
  row.seats.push_back(catalogue.peer(Catalogue::kZmq, Work::one_way, payload.size));
  row.ratios.push_back({Catalogue::name_of(NodeMode{}), Catalogue::kCopiedStream, at_least(payload.target), {}});
  row.ratios.push_back({Catalogue::name_of(NodeMode{}), Catalogue::kZmq, at_least(2), {}});
  row.ratios.push_back({Catalogue::name_of({.is_over_tcp = true}), Catalogue::kZmq, at_least(2), {}});
  row.block.first_count = 2;
  return row;
}

/// Between several nodes each way: nothing is compared but memory with TCP.
RowPlan several_one_way(const Catalogue& catalogue, std::size_t sources, std::size_t sinks) {
  RowPlan row = one_way(kSmall);
  row.name += ", " + std::to_string(sources) + " to " + std::to_string(sinks);
  row.block.first_count = std::max<std::uint64_t>(row.block.first_count, sources * sinks);
  for (const bool is_over_tcp : {false, true}) {
    row.seats.push_back(catalogue.node({.is_over_tcp = is_over_tcp}, Work::one_way, kSmall));
    row.seats.back().contestant.driver_count = sources;
    row.seats.back().contestant.responder_count = sinks;
  }
  return row;
}

/// From threads of an application, on a node with all of its defaults but `checked`, beside libzmq from as many
/// threads, each of which has a socket there, and beside the loop's own thread. All are placed by the system: there are
/// more threads than processors.
RowPlan threads_one_way(const Catalogue& catalogue, std::uint64_t threads) {
  RowPlan row = one_way(kSmall);
  row.name += ", from " + std::to_string(threads) + (threads == 1 ? " thread" : " threads") + " of the application";
  row.block.first_count = std::max(row.block.first_count, threads);
  const std::vector<std::string> as_many{"--threads", std::to_string(threads)};
  const auto take_seat = [&](Seat seat) {
    seat.contestant.pins = false;
    row.seats.push_back(std::move(seat));
  };
  for (const bool is_over_tcp : {false, true}) {
    Seat seat = catalogue.node({.is_over_tcp = is_over_tcp, .source_threading = "inlined", .threads = threads},
                               Work::one_way, kSmall);
    seat.contestant.driver.options.emplace_back("--checked");
    take_seat(std::move(seat));
    row.ratios.push_back({Catalogue::name_of({.is_over_tcp = is_over_tcp}), Catalogue::kZmq, at_least(3), {}});
  }
  Seat zmq = catalogue.peer(Catalogue::kZmq, Work::one_way, kSmall);
  for (Part* part : {&*zmq.contestant.responder, &zmq.contestant.driver}) {
    part->options.insert(part->options.end(), as_many.begin(), as_many.end());
  }
  take_seat(std::move(zmq));
  Seat own = catalogue.node({}, Work::one_way, kSmall);
  own.contestant.name = kOwnThread;
  own.contestant.driver.options.emplace_back("--checked");
  take_seat(std::move(own));
  row.ratios.push_back({Catalogue::name_of(NodeMode{}), kOwnThread, at_least(0.5), {}});
  return row;
}

/// Every message is answered, and many are under way: as many go back as go there.
RowPlan both_ways(const Catalogue& catalogue, std::uint64_t payload) {
  RowPlan row = one_way(payload);
  row.name = "both directions at once, " + to_size(payload);
  for (const bool is_over_tcp : {false, true}) {
    row.seats.push_back(catalogue.node({.is_over_tcp = is_over_tcp}, Work::both_ways, payload));
  }
  return row;
}

/// A receiver that works on each message: the source is told to wait, and nothing is lost.
RowPlan slow_one_way(const Catalogue& catalogue) {
  RowPlan row = one_way(kSmall);
  row.name += ", to a receiver of " + std::to_string(kSlowWorkNs) + " ns a message";
  for (const bool is_over_tcp : {false, true}) {
    const NodeMode mode{.is_over_tcp = is_over_tcp};
    row.seats.push_back(catalogue.node(mode, Work::one_way, kSmall));
    std::vector<std::string>& options = row.seats.back().contestant.responder->options;
    options.insert(options.end(), {"--work", std::to_string(kSlowWorkNs)});
    row.ratios.push_back({Catalogue::name_of(mode), "what it can handle", {}, 1e9 / kSlowWorkNs});
  }
  return row;
}

RowPlan small_round_trip(const Catalogue& catalogue) {
  const NodeMode usual;
  const NodeMode tcp{.is_over_tcp = true};
  const NodeMode spinning{.wait = NodeWait::spinning, .is_over_tcp = true};
  const NodeMode spinning_memory{.wait = NodeWait::spinning};
  const NodeMode blocking{.wait = NodeWait::blocking};
  const NodeMode blocking_tcp{.wait = NodeWait::blocking, .is_over_tcp = true};
  const NodeMode dispatcher{.threading = "dispatcher"};
  const NodeMode dispatcher_tcp{.threading = "dispatcher", .is_over_tcp = true};
  const std::string ours = Catalogue::name_of(usual);
  RowPlan row = round_trip("closed loop", kSmall);
  for (const NodeMode& mode :
       {usual, tcp, spinning, spinning_memory, blocking, blocking_tcp, dispatcher, dispatcher_tcp}) {
    row.seats.push_back(catalogue.node(mode, Work::round_trip, kSmall));
  }
  for (const Waits waits : kEveryWait) {
    row.seats.push_back(catalogue.raw_ping(waits, kSmall));
  }
  row.seats.push_back(catalogue.raw_ring(kSmall));
  append(row.seats, catalogue.peers(Work::round_trip, kSmall));
  row.ratios = {{Catalogue::name_of(spinning_memory), Catalogue::kRawRing, {}, {}},
                {ours, Catalogue::name_of(spinning_memory), at_most(1.1), {}},
                {Catalogue::name_of(spinning), Catalogue::name_of(Waits::spinning), at_most(1.15), {}},
                {Catalogue::name_of(blocking_tcp), Catalogue::name_of(Waits::in_epoll), at_most(1.05), {}},
                {Catalogue::name_of(blocking), Catalogue::name_of(Waits::in_epoll), {}, {}},
                {Catalogue::name_of(tcp), Catalogue::kZmq, {}, {}},
                {Catalogue::name_of(dispatcher_tcp), Catalogue::kZmq, {}, {}},
                {ours, Catalogue::kZmq, at_most(0.35), {}},
                {ours, Catalogue::kNats, at_most(0.25), {}},
                {Catalogue::name_of(dispatcher), Catalogue::kZmq, at_most(0.8), {}}};
  return row;
}

}  // namespace

std::string to_size(std::uint64_t bytes) {
  constexpr std::uint64_t mebi = 1024 * 1024;
  if (bytes >= mebi && bytes % mebi == 0) return std::to_string(bytes / mebi) + " MiB";
  if (bytes >= 1024 && bytes % 1024 == 0) return std::to_string(bytes / 1024) + " KiB";
  return std::to_string(bytes) + " B";
}

Rows latency_rows(const Catalogue& catalogue, const RowOptions& options) {
  Rows rows;
  for (const std::uint64_t payload : options.payloads) {
    const bool is_open = options.rate > 0;
    RowPlan row = round_trip(is_open ? "open loop of " + std::to_string(options.rate) + "/s" : "closed loop", payload);
    row.seats = {catalogue.node(options.mode, Work::round_trip, payload)};
    if (is_open) {
      row.block.interval_ns = std::max<std::uint64_t>(1, 1'000'000'000 / options.rate);
      // A thread that looks at the clock all the time leaves no processor to another one of its node.
      NodeMode driver = options.mode;
      driver.threading = options.mode.source_threading;
      row.seats[0].contestant.driver = catalogue.node(driver, Work::round_trip, payload).contestant.driver;
    }
    for (const Waits waits : kEveryWait) {
      row.seats.push_back(catalogue.raw_ping(waits, payload));
    }
    compare_first(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows throughput_rows(const Catalogue& catalogue, const RowOptions& options) {
  Rows rows;
  for (const std::uint64_t payload : options.payloads) {
    RowPlan row = one_way(payload);
    Seat node = catalogue.node(options.mode, Work::one_way, payload);
    if (options.sources > 1 || options.sinks > 1) {
      row.name += ", " + std::to_string(options.sources) + " to " + std::to_string(options.sinks);
      node.contestant.driver_count = options.sources;
      node.contestant.responder_count = options.sinks;
      row.block.first_count = std::max<std::uint64_t>(row.block.first_count, options.sources * options.sinks);
    }
    row.seats = {std::move(node), catalogue.ready_frames(payload), catalogue.raw_stream(payload)};
    compare_first(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows connection_rows(const Catalogue& catalogue, const NodeMode& mode, const std::vector<std::uint64_t>& counts) {
  Rows rows;
  for (const std::uint64_t count : counts) {
    RowPlan row = echo(count);
    row.seats = {catalogue.node_swarm(mode, count, kSmall), catalogue.raw_swarm(count, kSmall)};
    if (count == kManyConnections) {
      row.ratios = {{Catalogue::name_of(mode), Catalogue::kRawEcho, at_least(0.9), {}}};
    }
    compare_first(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows backend_rows(const Catalogue& catalogue) {
  const NodeMode epoll{.backend = "epoll", .is_over_tcp = true};
  const NodeMode uring{.backend = "uring", .is_over_tcp = true};
  const auto waiting = [](NodeMode mode, NodeWait wait) {
    mode.wait = wait;
    return mode;
  };

  Rows rows;
  const auto add = [&](RowPlan row, Seat of, Seat to) {
    row.point.reset();
    row.seats = {std::move(of), std::move(to)};
    compare_first(row);
    rows.push_back(std::move(row));
  };
  const auto node = [&](const NodeMode& mode, Work work, std::uint64_t payload) {
    return catalogue.node(mode, work, payload);
  };
  for (const NodeWait wait : {NodeWait::blocking, NodeWait::spinning}) {
    const std::string how = wait == NodeWait::blocking ? "blocking" : "spinning";
    add(round_trip("closed loop, " + how, kSmall), node(waiting(uring, wait), Work::round_trip, kSmall),
        node(waiting(epoll, wait), Work::round_trip, kSmall));
  }
  for (const std::uint64_t payload : {kSmall, kLarge}) {
    add(one_way(payload), node(uring, Work::one_way, payload), node(epoll, Work::one_way, payload));
  }
  add(echo(kManyConnections), catalogue.node_swarm(uring, kManyConnections, kSmall),
      catalogue.node_swarm(epoll, kManyConnections, kSmall));
  return rows;
}

Rows message_rows(const Catalogue& catalogue) {
  Rows rows{small_one_way(catalogue), large_one_way(catalogue, kMiddle, catalogue.ready_frames(kMiddle), 0.8),
            large_one_way(catalogue, kLarge, catalogue.raw_stream(kLarge), 0.93), small_round_trip(catalogue)};
  for (const LargePayload& payload : kLargePayloads) rows.push_back(huge_one_way(catalogue, payload));
  for (const std::uint64_t payload : {kSmall, kLargePayloads[0].size}) rows.push_back(both_ways(catalogue, payload));
  rows.push_back(several_one_way(catalogue, 8, 1));
  rows.push_back(several_one_way(catalogue, 1, 8));
  rows.push_back(slow_one_way(catalogue));
  for (const std::uint64_t threads : {1U, 2U, 4U}) rows.push_back(threads_one_way(catalogue, threads));
  for (RowPlan& row : rows) compare_first(row);
  for (RowPlan& row : connection_rows(catalogue, {}, {kManyConnections})) {
    row.point.reset();
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows against(Side side, Rows rows) {
  Rows kept;
  for (RowPlan& row : rows) {
    const auto is_of = [](Side wanted) { return [wanted](const Seat& seat) { return seat.side == wanted; }; };
    if (std::none_of(row.seats.begin(), row.seats.end(), is_of(side))) continue;
    std::erase_if(row.seats, is_of(side == Side::limit ? Side::peer : Side::limit));
    kept.push_back(std::move(row));
  }
  return kept;
}

}  // namespace distflow::bench
