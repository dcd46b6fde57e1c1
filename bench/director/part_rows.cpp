#include "bench/director/part_rows.hpp"

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace distflow::bench {
namespace {

constexpr const char* kParts = "bench_parts";
constexpr std::uint64_t kFewEntries = 100;
constexpr std::uint64_t kManyEntries = 100'000;
constexpr std::array<std::uint64_t, 4> kEntryCounts{kFewEntries, 1000, 10'000, kManyEntries};
constexpr std::array<std::uint64_t, 3> kWatcherCounts{100, 1000, 10'000};
constexpr double kStartMaxNs = 20e6;
constexpr std::uint64_t kStartsInBlock = 5;

RowPlan row_of(std::string name, Value value, std::string unit) {
  return {.name = std::move(name), .kind = Kind::throughput, .value = value, .unit = std::move(unit)};
}

Seat part(const Catalogue& catalogue, Side side, const std::string& name, const std::string& option) {
  return catalogue.solo(side, name, kParts, {"--part", option, "--payload", "128"});
}

/// Messages through queues: filled and drained in turn by one thread, or drained by a second one.
RowPlan queues(const Catalogue& catalogue, const std::string& how, const std::string& kind,
               std::optional<double> times_faster, bool is_across) {
  RowPlan row = row_of("mailbox, " + how, Value::per_second, "messages/s");
  row.seats = {part(catalogue, Side::ours, "mailbox", "mailbox_" + kind),
               part(catalogue, Side::peer, "moodycamel", "moodycamel_" + kind),
               part(catalogue, Side::limit, "plain ring", "ring_" + kind)};
  for (Seat& seat : row.seats) {
    if (!is_across) continue;
    seat.contestant.driver.options.emplace_back("--across");
    seat.contestant.pins = false;  // each thread has a processor
  }
  row.ratios = {{.of = "mailbox", .to = "moodycamel"}, {.of = "mailbox", .to = "plain ring"}};
  if (times_faster) row.ratios[0].target = {.value = *times_faster, .better = Better::higher};
  return row;
}

RowPlan codecs(const Catalogue& catalogue) {
  RowPlan row = row_of("decode an envelope, 128 B", Value::per_second, "envelopes/s");
  row.payload = 128;
  row.seats = {part(catalogue, Side::ours, "distflow", "decode_template"),
               part(catalogue, Side::peer, "RapidJSON document", "decode_document"),
               part(catalogue, Side::peer, "RapidJSON SAX", "decode_sax")};
  row.ratios = {{"distflow", "RapidJSON document", Target{.value = 10, .better = Better::higher}, {}},
                {"distflow", "RapidJSON SAX", Target{.value = 5, .better = Better::higher}, {}}};
  return row;
}

std::vector<std::string> work(const std::string& name, std::uint64_t entries) {
  return {"--work", name, "--entries", std::to_string(entries)};
}

/// Look-ups beside epmd, which knows one pattern only: a connection each.
RowPlan resolve_batch(const Catalogue& catalogue) {
  const Seat pipelined = catalogue.pmd_load("PMD, pipelined", work("resolve_pipelined", kFewEntries));
  const Seat by_connection = catalogue.pmd_load("PMD, a connection a look-up", work("resolve_connection", kFewEntries));
  RowPlan row = row_of("PMD, look-ups", Value::per_second, "look-ups/s");
  row.seats = {pipelined, by_connection, catalogue.epmd_load()};
  row.ratios = {{pipelined.contestant.name, Catalogue::kEpmd, Target{.value = 30, .better = Better::higher}, {}},
                {by_connection.contestant.name, Catalogue::kEpmd, Target{.value = 1.5, .better = Better::higher}, {}}};
  return row;
}

/// What a look-up costs among many entries, against few.
RowPlan look_ups_of_many(const Catalogue& catalogue) {
  const auto seat = [&](std::uint64_t entries) {
    return catalogue.pmd_load("PMD, " + std::to_string(entries) + " entries", work("resolve_pipelined", entries));
  };
  const Seat many = seat(kManyEntries);
  const Seat few = seat(kFewEntries);
  RowPlan row = row_of("PMD, a look-up among many", Value::ns_each, "ns");
  row.ratios = {{many.contestant.name, few.contestant.name, Target{.value = 1.2, .better = Better::lower}, {}}};
  row.seats = {many, few};
  return row;
}

RowPlan growth_point(const Catalogue& catalogue, const std::string& what, const std::string& name,
                     std::uint64_t entries) {
  RowPlan row = row_of("PMD, " + what + ", " + std::to_string(entries) + " entries", Value::per_second, "requests/s");
  row.seats = {catalogue.pmd_load("PMD, " + what, work(name, entries))};
  row.point = {.growth = "PMD, " + what + " by entries", .x_name = "entries", .x = entries};
  return row;
}

}  // namespace

Rows pmd_rows(const Catalogue& catalogue) {
  Rows rows{resolve_batch(catalogue), look_ups_of_many(catalogue)};
  const std::vector<std::pair<std::string, std::string>> works{
      {"look-ups", "resolve_pipelined"}, {"registrations", "register"}, {"heartbeats", "heartbeat"}, {"lists", "list"}};
  for (const auto& [what, name] : works) {
    for (const std::uint64_t entries : kEntryCounts) {
      rows.push_back(growth_point(catalogue, what, name, entries));
    }
  }
  for (const std::uint64_t watchers : kWatcherCounts) {
    RowPlan row = row_of("PMD, events to " + std::to_string(watchers) + " watchers", Value::per_second, "events/s");
    row.seats = {catalogue.pmd_load("PMD, fan-out", {"--work", "fan_out", "--watchers", std::to_string(watchers)})};
    row.point = {.growth = "PMD, events by watchers", .x_name = "watchers", .x = watchers};
    rows.push_back(std::move(row));
  }
  return rows;
}

Rows start_rows(const Catalogue& catalogue) {
  RowPlan row = row_of("a node's start with no PMD running, to registered", Value::ns_each, "ns");
  row.block.fixed_count = kStartsInBlock;
  Seat seat = catalogue.solo(Side::ours, "distflow", "bench_start", {});
  seat.contestant.pins = false;  // the daemon that it starts would share its processor
  row.seats = {std::move(seat)};
  row.ratios = {{"distflow", "20 ms", Target{.value = 1, .better = Better::lower}, kStartMaxNs}};
  return {row};
}

Rows mailbox_rows(const Catalogue& catalogue) {
  Rows rows{queues(catalogue, "one by one", "single", 2, false), queues(catalogue, "runs of 32", "runs", 1.2, false),
            queues(catalogue, "one by one, across threads", "single", {}, true),
            queues(catalogue, "runs of 32, across threads", "runs", {}, true)};
  rows.push_back(codecs(catalogue));
  return rows;
}

Rows wake_rows(const Catalogue& catalogue) {
  RowPlan row = row_of("wake of another thread, there and back", Value::ns_each, "ns");
  for (const std::string by : {"eventfd", "futex", "condition", "line"}) {
    row.seats.push_back(catalogue.wake(by == "line" ? "cache line, spinning" : by, by));
  }
  return {row};
}

}  // namespace distflow::bench
