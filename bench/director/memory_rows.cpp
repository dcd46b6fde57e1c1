#include "bench/director/memory_rows.hpp"

#include <string>
#include <utility>

namespace distflow::bench {
namespace {

constexpr std::uint64_t kSmall = 128;
constexpr std::uint64_t kOpenRate = 100'000;
constexpr Target kNotSlower{.value = 1, .better = Better::lower};

/// A row has one value a block, and a ratio is one of values. So each percentile that is asked for is a row.
RowPlan beside_aeron(const Catalogue& catalogue, const std::string& how, Value value) {
  const NodeMode mode{.wait = NodeWait::spinning};
  RowPlan row{.name = "round trip, " + how + ", against Aeron IPC, " + to_size(kSmall),
              .kind = Kind::latency,
              .value = value,
              .unit = "ns",
              .payload = kSmall};
  row.seats = {catalogue.node(mode, Work::round_trip, kSmall), catalogue.aeron(Work::round_trip, kSmall)};
  row.ratios = {{Catalogue::name_of(mode), Catalogue::kAeron, kNotSlower, {}}};
  row.needs = Catalogue::kAeron;
  return row;
}

}  // namespace

Rows memory_rows(const Catalogue& catalogue) {
  Rows rows{beside_aeron(catalogue, "spinning", Value::median_time),
            beside_aeron(catalogue, "spinning, p99", Value::p99_time)};
  RowPlan open = beside_aeron(catalogue, "open loop of " + std::to_string(kOpenRate) + "/s, p99.9", Value::p999_time);
  open.block.interval_ns = 1'000'000'000 / kOpenRate;
  // A thread that looks at the clock all the time leaves no processor to another one of its node.
  const NodeMode driver{.threading = "caller", .wait = NodeWait::spinning};
  open.seats.front().contestant.driver = catalogue.node(driver, Work::round_trip, kSmall).contestant.driver;
  rows.push_back(std::move(open));
  return rows;
}

}  // namespace distflow::bench
