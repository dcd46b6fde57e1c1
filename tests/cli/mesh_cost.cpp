// What it costs to look at a mesh of many nodes with `distflow top`, and what is sent while nobody looks.
//
//   mesh_cost NODES     prints figures, one a line, for tools/trial_mesh, which judges them
#include <gtest/gtest.h>

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>

#include "tests/cli/mesh_of_nodes.hpp"

namespace distflow::test {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}
/// Processor time of children that have ended, or of the calling thread.
double processor_time(int who) {
  rusage usage{};
  getrusage(who, &usage);
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Bytes that this machine, or the namespace that this process is in, has sent to itself.
std::uint64_t bytes_on_loopback() {
  std::ifstream devices("/proc/net/dev");
  for (std::string line; std::getline(devices, line);) {
    const std::size_t at = line.find("lo:");
    if (at != std::string::npos) return std::strtoull(line.c_str() + at + 3, nullptr, 10);
  }
  return 0;
}

class MeshCost : MeshOfNodes {
 public:
  void measure(int count);
};

void MeshCost::measure(int count) {
  add_nodes(count);
  run([&](Cluster& cluster) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i]->record_messages();
      nodes_[i]->send("n" + std::to_string((i + 1) % nodes_.size()), "1");
    }
    for (TestNode* const node : nodes_)
      EXPECT_TRUE(cluster.turn_until([&] { return node->stats().received.handled == 1; }));
  });
  const auto told = [this] {
    std::uint64_t sum = 0;
    run([&](Cluster&) {
      for (TestNode* const node : nodes_) sum += node->stats().stats_told;
    });
    return sum;
  };
  const auto mesh_time = [this] {
    double time = 0;
    run([&time](Cluster&) { time = processor_time(RUSAGE_THREAD); });
    return time;
  };
  constexpr int rounds = 10;
  const std::uint64_t told_before = told();
  // This is a measurement, which ctest does not run: what is sent in seconds in which nobody looks. First, what has
  // begun ends.
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::uint64_t bytes_before = bytes_on_loopback();
  std::this_thread::sleep_for(std::chrono::seconds(rounds));
  const std::uint64_t bytes = bytes_on_loopback() - bytes_before;
  EXPECT_EQ(told(), told_before);
  const double mesh_before = mesh_time();
  const double top_before = processor_time(RUSAGE_CHILDREN);
  const auto began = std::chrono::steady_clock::now();
  const std::string out = look({"top", "--count", std::to_string(rounds), "--interval", "1", "--json"});
  const double elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), rounds);
  EXPECT_EQ(parsed(out.substr(out.rfind('\n', out.size() - 2) + 1))["nodes"].Size(), nodes_.size());
  std::cout << "nodes " << count << "\nquiet_bytes " << bytes << "\ntop_percent "
            << 100 * (processor_time(RUSAGE_CHILDREN) - top_before) / elapsed << "\nmesh_percent "
            << 100 * (mesh_time() - mesh_before) / elapsed << "\ntold_per_node "
            << static_cast<double>(told() - told_before) / count << '\n';
}

}  // namespace
}  // namespace distflow::test

int main(int argc, char** argv) {
  const int count = argc == 2 ? std::atoi(argv[1]) : 0;
  if (count < 1) {
    std::cerr << "mesh_cost: how many nodes?\n";
    return 2;
  }
  ::testing::InitGoogleTest();
  distflow::test::MeshCost().measure(count);
  return ::testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
}
