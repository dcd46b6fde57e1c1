#include "bench/director/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace distflow::bench {
namespace {

constexpr std::uint64_t kCountMax = std::uint64_t{1} << 40;
/// A trial says how fast a contestant is when it has lasted this share of a block: in a short one, what happens once (a
/// wake, an acknowledgement that is delayed) passes for the cost of each message.
constexpr double kTrialShare = 0.5;
constexpr std::chrono::seconds kPatienceMin{15};

double seconds_of(std::uint64_t ns) { return static_cast<double>(std::max<std::uint64_t>(ns, 1)) / 1e9; }

}  // namespace

std::chrono::nanoseconds patience_for(const BlockPlan& plan) {
  return std::max<std::chrono::nanoseconds>(kPatienceMin, 20 * plan.duration);
}

std::optional<Block> calibrate(RunningContestant& contestant, const BlockPlan& plan) {
  const double wanted = std::chrono::duration<double>(plan.duration).count();
  if (plan.fixed_count > 0) return Block{.count = plan.fixed_count, .interval_ns = plan.interval_ns};
  if (plan.interval_ns > 0) {
    const double count = wanted * 1e9 / static_cast<double>(plan.interval_ns);
    const Block block{.count = static_cast<std::uint64_t>(std::max(1.0, count)), .interval_ns = plan.interval_ns};
    if (!contestant.run(block, patience_for(plan))) return std::nullopt;
    return block;
  }
  Block block{.count = plan.first_count};
  while (true) {
    const std::optional<BlockResult> result = contestant.run(block, patience_for(plan));
    if (!result) return std::nullopt;
    const double scale = wanted / seconds_of(result->ns);
    const bool is_told = scale * kTrialShare <= 1 || block.count >= kCountMax;
    const double step = is_told ? scale : std::clamp(scale / 4, 2.0, 16.0);
    block.count = static_cast<std::uint64_t>(std::max(1.0, std::round(static_cast<double>(block.count) * step)));
    if (is_told) return block;
  }
}

}  // namespace distflow::bench
