#include "bench/director/contest.hpp"

#include <algorithm>
#include <memory>
#include <ostream>
#include <thread>

namespace distflow::bench {
namespace {

/// Until those that spin have gone to sleep, so that they do not disturb the next block.
constexpr std::chrono::milliseconds kQuiet = kSpin + std::chrono::milliseconds(5);

double value_of(const BlockResult& result, const Histogram& latency, Value value) {
  const double count = static_cast<double>(result.count);
  const double ns = static_cast<double>(std::max<std::uint64_t>(result.ns, 1));
  switch (value) {
    case Value::per_second: return count * 1e9 / ns;
    case Value::per_cpu_second: return count * 1e9 / static_cast<double>(std::max<std::uint64_t>(result.cpu_ns, 1));
    case Value::ns_each: return ns / count;
    case Value::median_time: return static_cast<double>(latency.percentile(50));
    case Value::p99_time: return static_cast<double>(latency.percentile(99));
    case Value::p999_time: return static_cast<double>(latency.percentile(99.9));
  }
  return 0;
}

/// One contestant through all rounds.
class Player {
 public:
  Player(const ContestantDescription& description, const RowPlan& plan, std::ostream& log)
      : description_(description), plan_(plan), log_(log) {
    entry_.name = description.name;
    start();
  }

  [[nodiscard]] bool plays() const { return running_ != nullptr; }
  [[nodiscard]] std::uint64_t memory_bytes() const { return running_ ? running_->memory_bytes() : 0; }

  std::optional<double> play() {
    if (!plays()) return std::nullopt;
    const std::optional<BlockResult> result = running_->run(block_, patience_for(plan_.block));
    if (!result) {
      lose();
      return std::nullopt;
    }
    losses_ = 0;
    count_ += result->count;
    cpu_ns_ += result->cpu_ns;
    entry_.lost += result->lost;
    Histogram latency;
    for (const std::uint64_t ns : result->round_trips_ns) latency.add(ns);
    entry_.latency.merge(latency);
    std::this_thread::sleep_for(kQuiet);
    return value_of(*result, latency, plan_.value);
  }

  [[nodiscard]] Entry take_entry() {
    if (count_ > 0) entry_.cpu_ns = static_cast<double>(cpu_ns_) / static_cast<double>(count_);
    entry_.memory_bytes = memory_bytes();
    return std::move(entry_);
  }
  void note(std::optional<double> value) { entry_.values.push_back(value); }

 private:
  void start() {
    running_ = std::make_unique<RunningContestant>(description_);
    std::optional<Block> block;
    if (running_->is_ready()) block = calibrate(*running_, plan_.block);
    if (block) {
      block_ = *block;
      return;
    }
    log_ << "  " << description_.name << " is left out: it " << running_->failure() << '\n';
    running_.reset();
  }

  void lose() {
    log_ << "  " << description_.name << " lost a block: it " << running_->failure() << '\n';
    running_.reset();
    if (++losses_ == kLossesMax) {
      log_ << "  " << description_.name << " takes no further part\n";
    } else {
      start();
    }
  }

  const ContestantDescription& description_;
  const RowPlan& plan_;
  std::ostream& log_;
  std::unique_ptr<RunningContestant> running_;
  Block block_;
  Entry entry_;
  std::size_t losses_ = 0;
  std::uint64_t count_ = 0;
  std::uint64_t cpu_ns_ = 0;
};

const Entry* find(const std::vector<Entry>& entries, const std::string& name) {
  const auto found = std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.name == name; });
  return found == entries.end() ? nullptr : &*found;
}

void add_ratio(Row& row, const RatioPlan& plan) {
  const Entry* of = find(row.entries, plan.of);
  const Entry* to = find(row.entries, plan.to);
  if (of == nullptr || (to == nullptr && !plan.to_value)) return;
  const Values denominators = to != nullptr ? to->values : Values(of->values.size(), plan.to_value);
  if (const auto estimate = estimate_median(ratios(of->values, denominators))) {
    row.ratios.push_back({.of = plan.of, .to = plan.to, .estimate = *estimate, .target = plan.target});
  }
}

}  // namespace

Row hold_contest(const RowPlan& plan, const ContestOptions& options, std::ostream& log) {
  std::vector<std::unique_ptr<Player>> players;
  for (const Seat& seat : plan.seats) {
    auto player = std::make_unique<Player>(seat.contestant, plan, log);
    if (player->plays()) players.push_back(std::move(player));
  }
  Row row{.name = plan.name, .kind = plan.kind, .unit = plan.unit, .better = plan.better(), .payload = plan.payload};
  if (players.empty()) return row;

  const std::size_t again = players.size();  // the place of the first one's second block
  Values second;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t turn = 0; turn <= again; ++turn) {
      const std::size_t place = (round + turn) % (again + 1);
      if (place == again) {
        second.push_back(players.front()->play());
      } else {
        players[place]->note(players[place]->play());
      }
    }
  }
  for (const auto& player : players) row.entries.push_back(player->take_entry());
  for (const RatioPlan& ratio : plan.ratios) add_ratio(row, ratio);
  if (const auto noise = estimate_median(ratios(second, row.entries.front().values))) {
    row.ratios.push_back({.of = row.entries.front().name, .to = kItself, .estimate = *noise, .target = {}});
  }
  return row;
}

}  // namespace distflow::bench
