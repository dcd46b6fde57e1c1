// Uses a header and the archive: enough to show that both are found.
#include <cstdio>
#include <distflow/result.hpp>

static distflow::Result<int> half(int number) {
  if (number % 2 != 0) return distflow::Error{make_error_code(distflow::Errc::invalid_option), "halving"};
  return number / 2;
}

int main() {
  if (half(4).value() != 2) return 1;
  std::puts(half(3).error().message().c_str());
  return 0;
}
