#include "bench/director/run.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "bench/director/circumstances.hpp"
#include "bench/director/contest.hpp"
#include "bench/director/growth.hpp"
#include "bench/director/memory_rows.hpp"
#include "bench/director/messaging_rows.hpp"
#include "bench/director/part_rows.hpp"
#include "bench/director/table.hpp"

namespace distflow::bench {
namespace {

void append(Rows& rows, Rows more) {
  rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

/// All rows that have targets.
Rows target_rows(const Catalogue& catalogue) {
  Rows rows = message_rows(catalogue);
  append(rows, memory_rows(catalogue));
  append(rows, messaging_rows(catalogue));
  append(rows, mailbox_rows(catalogue));
  append(rows, pick_rows(catalogue));
  for (RowPlan& row : pmd_rows(catalogue)) {
    if (!row.ratios.empty()) rows.push_back(std::move(row));
  }
  return rows;
}

Rows rows_of(const Arguments& arguments, const Catalogue& catalogue) {
  switch (arguments.command) {
    case Command::latency: return latency_rows(catalogue, arguments.rows);
    case Command::throughput: return throughput_rows(catalogue, arguments.rows);
    case Command::connections: return connection_rows(catalogue, arguments.rows.mode, arguments.connection_counts);
    case Command::pmd: return pmd_rows(catalogue);
    case Command::start: return start_rows(catalogue);
    case Command::mailbox: return mailbox_rows(catalogue);
    case Command::backends: return backend_rows(catalogue);
    case Command::limits: break;
    case Command::peers: return against(Side::peer, target_rows(catalogue));
    case Command::targets: break;
  }
  Rows rows = target_rows(catalogue);
  if (arguments.command == Command::limits) {
    rows = against(Side::limit, std::move(rows));
  } else {
    append(rows, start_rows(catalogue));
  }
  append(rows, wake_rows(catalogue));
  return rows;
}

/// The name of the first program of a contestant that is not there; empty if all are.
std::string missing_program(const ContestantDescription& contestant) {
  for (const Part* part : {contestant.broker ? &*contestant.broker : nullptr,
                           contestant.responder ? &*contestant.responder : nullptr, &contestant.driver}) {
    if (part == nullptr || ::access(part->program.c_str(), X_OK) == 0) continue;
    return part->program.substr(part->program.rfind('/') + 1);
  }
  return {};
}

const char* how_to_have(std::string_view program) {
  if (program == "bench_peer_aeron") return "docs/performance.md#aeron says how to build Aeron; then build again.";
  if (program.starts_with("bench_peer_")) return "tools/install_peers brings its library; then build again.";
  return "Build all targets with -DDISTFLOW_BENCH=ON.";
}

bool has_entry(const Row& row, const std::string& name) {
  return std::any_of(row.entries.begin(), row.entries.end(), [&](const Entry& entry) { return entry.name == name; });
}

/// Beside so much of others no figure is to be quoted; the page of a run says the same.
constexpr double kLoadOfBusy = 0.5;

class Run {
 public:
  explicit Run(const Arguments& arguments)
      : arguments_(arguments),
        results_{.circumstances = observe_circumstances(folder_, arguments.command_line),
                 .settings = arguments.settings,
                 .load_while = 0,
                 .steal = 0,
                 .rows = {}} {}

  int go() {
    tell_circumstances();
    const Catalogue catalogue(
        {.folder = folder_, .pins = arguments_.settings.pins, .congestion = arguments_.settings.congestion});
    Rows plans = rows_of(arguments_, catalogue);
    std::erase_if(plans, [this](const RowPlan& plan) { return plan.name.find(arguments_.only) == std::string::npos; });
    if (plans.empty()) std::cerr << "no row's name contains '" << arguments_.only << "'\n";
    bool is_complete = !plans.empty();
    GrowthRows growth;
    for (RowPlan& plan : plans) {
      is_complete = hold(plan, growth) && is_complete;
      if (!write(results_.rows)) return 1;
    }
    std::vector<Row> rows = results_.rows;
    for (Row& row : growth.rows()) {
      std::cout << to_table(row) << std::flush;
      rows.push_back(std::move(row));
    }
    if (!plans.empty() && rows.empty()) std::cerr << "nothing was measured\n";
    return write(rows) && is_complete && !rows.empty() ? 0 : 1;
  }

 private:
  void tell_circumstances() const {
    const Circumstances& now = results_.circumstances;
    std::cout << now.command << "\n"
              << now.date << ", commit " << now.commit << ", " << now.kernel << ", " << now.cpu << ", " << now.cores
              << " cores; " << arguments_.settings.pairs << (arguments_.settings.pairs == 1 ? " round" : " rounds")
              << ", blocks of " << arguments_.settings.block_s << " s; load " << now.load_before << " before it\n"
              << "a system call " << now.host.system_call_ns << " ns, a wake-up " << now.host.wake_up_ns / 1000
              << " us, a cache line there and back " << now.host.cache_line_ns << " ns\n";
    if (now.load_before > kLoadOfBusy) {
      std::cout << "THIS MACHINE IS BUSY: others run beside the contestants; no figure of this run is to be quoted\n";
    }
    std::cout << '\n';
  }

  /// False if nobody was there to be measured. A row that needs somebody who is not there is left out.
  bool hold(RowPlan& plan, GrowthRows& growth) {
    if (!has_what_it_needs(plan)) return true;
    plan.block.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(arguments_.settings.block_s * 1e9));
    std::erase_if(plan.seats, [this](const Seat& seat) { return !is_installed(seat.contestant); });
    Row row = hold_contest(plan, {.rounds = arguments_.settings.pairs}, std::cerr);
    if (!plan.needs.empty() && !has_entry(row, plan.needs)) {
      std::cerr << plan.name << " is left out: " << plan.needs << " took no part\n";
      return true;
    }
    if (row.entries.empty()) {
      std::cerr << plan.name << ": nobody is there to be measured\n";
      return false;
    }
    std::cout << to_table(row) << std::flush;
    growth.note(plan, row);
    results_.rows.push_back(std::move(row));
    return true;
  }

  /// Whether the contestant whom the whole row is about is built. Says so in one line if it is not.
  static bool has_what_it_needs(const RowPlan& plan) {
    for (const Seat& seat : plan.seats) {
      if (seat.contestant.name != plan.needs) continue;
      const std::string missing = missing_program(seat.contestant);
      if (missing.empty()) continue;
      std::cerr << plan.name << " is left out: " << missing << " is not built. " << how_to_have(missing) << '\n';
      return false;
    }
    return true;
  }

  bool is_installed(const ContestantDescription& contestant) {
    const std::string missing = missing_program(contestant);
    if (!missing.empty() && missing_.insert(missing).second) {
      std::cerr << contestant.name << " is left out: " << missing << " is not built. " << how_to_have(missing) << '\n';
    }
    return missing.empty();
  }

  /// After each row, so that a run that is broken off leaves what it had.
  bool write(const std::vector<Row>& rows) const {
    if (arguments_.json_path.empty()) return true;
    Results results = results_;
    results.load_while = load_average();
    results.steal = steal_since(results.circumstances.times_before);
    results.rows = rows;
    std::ofstream file(arguments_.json_path);
    file << to_json(results);
    if (file.flush()) return true;
    std::cerr << "cannot write " << arguments_.json_path << '\n';
    return false;
  }

  const Arguments& arguments_;
  const std::string folder_ = folder_of_this_program();
  Results results_;
  std::set<std::string> missing_;  // that have been told about
};

}  // namespace

int run(const Arguments& arguments) { return Run(arguments).go(); }

}  // namespace distflow::bench
