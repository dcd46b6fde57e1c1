// The seed of a random test: DISTFLOW_SEED if it is set, else a new one; told on failure with how to replay it.
//
// Use: const Seed seed; SCOPED_TRACE(seed.replay()); Random random(seed.value());
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>

namespace distflow::test {

class Seed {
 public:
  Seed() : value_(chosen()) {}

  [[nodiscard]] std::uint64_t value() const { return value_; }

  /// The command that runs the present test again as it ran.
  [[nodiscard]] std::string replay() const {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    return "replay: DISTFLOW_SEED=" + std::to_string(value_) +
           " <this program> --gtest_filter=" + test->test_suite_name() + "." + test->name();
  }

 private:
  static std::uint64_t chosen() {
    const char* given = std::getenv("DISTFLOW_SEED");
    return given == nullptr ? std::random_device{}() : std::strtoull(given, nullptr, 10);
  }

  std::uint64_t value_;
};

}  // namespace distflow::test
