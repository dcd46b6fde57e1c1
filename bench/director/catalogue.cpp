#include "bench/director/catalogue.hpp"

#include <utility>

namespace distflow::bench {
namespace {

std::vector<std::string> options_of(const NodeMode& mode, const std::string& threading) {
  std::vector<std::string> options{"--threading", threading};
  if (!mode.backend.empty()) options.insert(options.end(), {"--backend", mode.backend});
  if (mode.wait == NodeWait::spinning) options.emplace_back("--spin");
  if (mode.wait == NodeWait::blocking) options.emplace_back("--no-spin");
  if (mode.is_over_tcp) options.emplace_back("--tcp");
  if (mode.threads > 0) options.insert(options.end(), {"--threads", std::to_string(mode.threads)});
  return options;
}

}  // namespace

std::string Catalogue::name_of(const NodeMode& mode) {
  std::string name = "distflow, " + mode.threading;
  if (mode.wait == NodeWait::spinning) name += ", spinning";
  if (mode.wait == NodeWait::blocking) name += ", blocking";
  if (!mode.backend.empty()) name += ", " + mode.backend;
  if (mode.is_over_tcp) name += ", TCP";
  return name;
}

std::string Catalogue::name_of(Waits waits) {
  switch (waits) {
    case Waits::blocking: return "raw, blocking";
    case Waits::in_epoll: return "raw, epoll";
    case Waits::spinning: return "raw, spinning";
    case Waits::spinning_two_ways: return "raw, spinning, two sockets";
  }
  return "raw";
}

Seat Catalogue::node(const NodeMode& mode, Work work, std::uint64_t payload) const {
  Seat seat = pair(Side::ours, name_of(mode), "bench_node", work, payload);
  seat.contestant.broker = part("bench_node");
  seat.contestant.responder->options = options_of(mode, mode.threading);
  const bool has_source = work == Work::one_way || work == Work::both_ways;
  seat.contestant.driver.options = options_of(mode, has_source ? mode.source_threading : mode.threading);
  if (work == Work::both_ways) seat.contestant.driver.options.emplace_back("--answered");
  return seat;
}

Seat Catalogue::messaging(const std::string& name, Work work, std::uint64_t payload, bool is_over_tcp) const {
  Seat seat = pair(Side::ours, name, "bench_messaging", work, payload);
  seat.contestant.broker = part("bench_node");
  if (!is_over_tcp) return seat;
  for (Part* part : {&*seat.contestant.responder, &seat.contestant.driver}) part->options.emplace_back("--tcp");
  return seat;
}

Seat Catalogue::ready_frames(std::uint64_t payload) const {
  return pair(Side::limit, kReadyFrames, "bench_ready_frames", Work::one_way, payload);
}

Seat Catalogue::raw_stream(std::uint64_t payload) const {
  return pair(Side::limit, kRawStream, "bench_raw_stream", Work::one_way, payload);
}

Seat Catalogue::copied_stream(std::uint64_t payload) const {
  return pair(Side::limit, kCopiedStream, "bench_raw_stream", Work::one_way, payload, {"--copied"});
}

Seat Catalogue::raw_ping(Waits waits, std::uint64_t payload) const {
  std::vector<std::string> options;
  switch (waits) {
    case Waits::blocking: options = {"--wait", "blocking"}; break;
    case Waits::in_epoll: options = {"--wait", "epoll"}; break;
    case Waits::spinning: options = {"--spin"}; break;
    case Waits::spinning_two_ways: options = {"--spin", "--two-ways"}; break;
  }
  return pair(Side::limit, name_of(waits), "bench_raw_ping", Work::round_trip, payload, std::move(options));
}

Seat Catalogue::raw_ring(std::uint64_t payload) const {
  return pair(Side::limit, kRawRing, "bench_raw_ring", Work::round_trip, payload);
}

Seat Catalogue::peer(const std::string& name, Work work, std::uint64_t payload) const {
  for (Seat& seat : peers(work, payload)) {
    if (seat.contestant.name == name) return std::move(seat);
  }
  return {};
}

std::vector<Seat> Catalogue::peers(Work work, std::uint64_t payload) const {
  std::vector<Seat> seats{pair(Side::peer, kZmq, "bench_peer_zmq", work, payload),
                          pair(Side::peer, kNng, "bench_peer_nng", work, payload),
                          pair(Side::peer, kNats, "bench_peer_nats", work, payload),
                          pair(Side::peer, kErlang, "bench_peer_erlang", work, payload),
                          pair(Side::peer, kAsio, "bench_peer_asio", work, payload)};
  for (Seat& seat : seats) {
    const std::string& name = seat.contestant.name;
    if (name == kNats || name == kErlang) seat.contestant.broker = Part{seat.contestant.driver.program, {}};
  }
  return seats;
}

Seat Catalogue::aeron(Work work, std::uint64_t payload) const {
  Seat seat = pair(Side::peer, kAeron, "bench_peer_aeron", work, payload);
  seat.contestant.broker = Part{seat.contestant.driver.program, {}};
  return seat;
}

Seat Catalogue::node_swarm(const NodeMode& mode, std::uint64_t connections, std::uint64_t payload) const {
  Seat seat = node(mode, Work::swarm, payload);
  seat.contestant.driver = part("bench_swarm", {"--server", "node", "--connections", std::to_string(connections)});
  return seat;
}

Seat Catalogue::raw_swarm(std::uint64_t connections, std::uint64_t payload) const {
  Seat seat = pair(Side::limit, kRawEcho, "bench_raw_echo", Work::swarm, payload);
  seat.contestant.driver = part("bench_swarm", {"--server", "raw", "--connections", std::to_string(connections)});
  return seat;
}

Seat Catalogue::pmd_load(const std::string& name, std::vector<std::string> options) const {
  Seat seat = solo(Side::ours, name, "bench_pmd_load", std::move(options));
  seat.contestant.broker = part("bench_pmd_load");
  return seat;
}

Seat Catalogue::epmd_load() const {
  Seat seat = solo(Side::peer, kEpmd, "bench_epmd_load", {});
  seat.contestant.broker = part("bench_epmd_load");
  return seat;
}

Seat Catalogue::wake(const std::string& name, const std::string& by) const {
  std::vector<std::string> options{"--by", by};
  if (placement_.pins) options.insert(options.end(), {"--other-cpu", "1"});
  return solo(Side::limit, name, "bench_wake", std::move(options));
}

Seat Catalogue::solo(Side side, const std::string& name, const std::string& program,
                     std::vector<std::string> options) const {
  Seat seat{.side = side, .contestant = {.name = name, .work = Work::solo}};
  seat.contestant.driver = part(program, std::move(options));
  seat.contestant.pins = placement_.pins;
  return seat;
}

Part Catalogue::part(const std::string& program, std::vector<std::string> options) const {
  return {.program = placement_.folder + '/' + program, .options = std::move(options)};
}

Seat Catalogue::pair(Side side, const std::string& name, const std::string& program, Work work, std::uint64_t payload,
                     std::vector<std::string> options) const {
  Seat seat = solo(side, name, program, options);
  ContestantDescription& contestant = seat.contestant;
  contestant.work = work;
  contestant.responder = part(program, std::move(options));
  contestant.common_options = {"--payload", std::to_string(payload)};
  if (!placement_.congestion.empty()) {
    contestant.common_options.insert(contestant.common_options.end(), {"--congestion", placement_.congestion});
  }
  return seat;
}

}  // namespace distflow::bench
