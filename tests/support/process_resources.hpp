// What this process holds of the system: descriptors, threads, shared memory. For tests that nothing is leaked.
//
// Any thread; figures of the moment. Linux.
// Use: const ProcessResources before = ProcessResources::now(); ... EXPECT_EQ(ProcessResources::now(), before);
#pragma once

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>

namespace distflow::test {

struct ProcessResources {
  std::ptrdiff_t descriptors = 0;
  std::ptrdiff_t threads = 0;
  std::ptrdiff_t shared_mappings = 0;  ///< of memory without a name in the file system

  static ProcessResources now() {
    const auto entries = [](const char* directory) {
      return std::distance(std::filesystem::directory_iterator(directory), std::filesystem::directory_iterator());
    };
    ProcessResources all{.descriptors = entries("/proc/self/fd"), .threads = entries("/proc/self/task")};
    std::ifstream mappings("/proc/self/maps");
    for (std::string line; std::getline(mappings, line);) {
      if (line.find("memfd:") != std::string::npos) ++all.shared_mappings;
    }
    return all;
  }
  bool operator==(const ProcessResources&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const ProcessResources& all) {
    return out << all.descriptors << " descriptors, " << all.threads << " threads, " << all.shared_mappings
               << " shared mappings";
  }
};

}  // namespace distflow::test
