// account_test: finds the fault of the account that counts a payment twice, and none of the other one's.
//
//     account_test [SEED]        all seeds from 1 to 100, or that one
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <distflow/testing.hpp>

#include "account.hpp"

using namespace std::chrono_literals;

namespace {

/// Ten payments of 5, and a connection that breaks once, when the seed says. Prints what is wrong.
bool is_sum_right(std::uint64_t seed, Account::Repeats repeats) {
  distflow::testing::Mesh mesh(seed);
  Account account(mesh.node("account"), repeats);
  auto client = mesh.node("client");
  int answers = 0;
  for (int id = 1; id <= 10; ++id) {
    mesh.after(id * 300us, [&, id] { pay(client, id, 5, [&] { ++answers; }); });
  }
  mesh.after(std::chrono::microseconds(mesh.random(5000)), [&] { mesh.break_connections("account", "client"); });
  const bool is_over = mesh.run_until([&] { return answers == 10; }, 1min);
  if (is_over && account.sum() == 50) return true;
  std::printf("seed %llu: %d answers, and a sum of %d, not 50\n", static_cast<unsigned long long>(seed), answers,
              account.sum());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  const std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
  const std::uint64_t last = argc > 1 ? first : 100;
  int found = 0;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    if (!is_sum_right(seed, Account::Repeats::counted)) ++found;
    if (!is_sum_right(seed, Account::Repeats::recognised)) return std::puts("the sound account is wrong"), 1;
  }
  std::printf("%d of %d seeds find the fault\n", found, static_cast<int>(last - first + 1));
  return found > 0 || argc > 1 ? 0 : 1;
}
