// Each lock-free class in many schedules, by chance and exhaustively, and with each of its orders made weaker.
//
// DISTFLOW_SCHEDULES says how many schedules by chance each subject has; DISTFLOW_SEED where they begin.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>

#include "tests/base/seed.hpp"
#include "tests/schedules/subjects.hpp"

namespace distflow::test {

const std::vector<Subject>& subjects() {
  static const std::vector<Subject> all = [] {
    std::vector<Subject> subjects;
    for (const auto& some : {base_subjects(), room_subjects(), runtime_subjects(), stream_subjects()}) {
      subjects.insert(subjects.end(), some.begin(), some.end());
    }
    return subjects;
  }();
  return all;
}

namespace {

std::uint64_t schedule_count() {
  const char* given = std::getenv("DISTFLOW_SCHEDULES");
  return given == nullptr ? 100'000 : std::strtoull(given, nullptr, 10);
}

class Schedules : public ::testing::TestWithParam<Subject> {};

INSTANTIATE_TEST_SUITE_P(Of, Schedules, ::testing::ValuesIn(subjects()),
                         [](const auto& tested) { return std::string(tested.param.name); });

TEST_P(Schedules, chosen_by_chance_all_hold) {
  const Seed seed;
  for (std::uint64_t i = 0; i < schedule_count(); ++i) {
    RandomChooser chooser(seed.value() + i);
    const std::string failure = GetParam().run(chooser, nullptr);
    ASSERT_EQ(failure, "") << "schedule " << i << "; replay: DISTFLOW_SEED=" << seed.value() + i;
  }
}

TEST_P(Schedules, with_up_to_two_departures_all_hold) {
  ExhaustiveChooser chooser(2);
  std::uint64_t count = 0;
  do {
    const std::string failure = GetParam().run(chooser, nullptr);
    ASSERT_EQ(failure, "") << "schedule " << count;
    ++count;
  } while (chooser.advance());
  RecordProperty("schedules", std::to_string(count));
}

TEST(WrongProtocols, are_found_each) {
  std::vector<Subject> wrong = wrong_base_subjects();
  for (Subject& subject : wrong_runtime_subjects()) wrong.push_back(std::move(subject));
  for (const Subject& subject : wrong) {
    std::string what;
    std::uint64_t count = 0;
    for (; what.empty() && count < 100'000; ++count) {
      RandomChooser chooser(count);
      what = subject.run(chooser, nullptr);
    }
    EXPECT_NE(what, "") << subject.name << ": not found";
    std::printf("%-40s %6llu  %s\n", subject.name, static_cast<unsigned long long>(count), what.c_str());
  }
}

std::string text(const Weakening& weakening) {
  return weakening.site.function + ": " + weakening.site.operation + " without " +
         (weakening.drops_acquire ? "acquire" : "release");
}

/// Until it is found in one of the subjects that come by; 0: not found.
std::uint64_t schedules_until_found(const Weakening& weakening, const std::set<std::size_t>& in, std::string& what) {
  constexpr std::uint64_t kMax = 20'000;
  for (std::uint64_t i = 0; i < kMax; ++i) {
    for (const std::size_t subject : in) {
      RandomChooser chooser(i);
      what = subjects()[subject].run(chooser, &weakening);
      if (!what.empty()) {
        what = std::string(subjects()[subject].name) + ": " + what;
        return i + 1;
      }
    }
  }
  return 0;
}

/// By operation: the subjects that come by it.
std::map<Site, std::set<std::size_t>> all_sites() {
  std::map<Site, std::set<std::size_t>> all;
  for (std::size_t subject = 0; subject < subjects().size(); ++subject) {
    std::map<Site, std::uint64_t> sites;
    Schedule::sites = &sites;
    for (std::uint64_t i = 0; i < 300; ++i) {
      RandomChooser chooser(i);
      EXPECT_EQ(subjects()[subject].run(chooser, nullptr), "");
    }
    Schedule::sites = nullptr;
    for (const auto& site : sites) all[site.first].insert(subject);
  }
  return all;
}

/// So no order is stronger than what the classes promise needs.
TEST(WeakenedOrders, are_found_each) {
  std::map<std::string, int> ordinals;  // of operations of one function, kind and order: lines move, these stay
  for (const auto& [site, in] : all_sites()) {
    for (const bool drops_acquire : {true, false}) {
      if (drops_acquire ? !has_acquire(site.order) : !has_release(site.order)) continue;
      const Weakening weakening{site, drops_acquire};
      const std::string name = text(weakening);
      const std::string numbered = name + " " + std::to_string(++ordinals[name]);
      std::string what;
      const std::uint64_t found = schedules_until_found(weakening, in, what);
      EXPECT_GT(found, 0U) << numbered << " is not found";
      std::printf("%-62s %6s  %s\n", numbered.c_str(), found == 0 ? "-" : std::to_string(found).c_str(), what.c_str());
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace distflow::test
