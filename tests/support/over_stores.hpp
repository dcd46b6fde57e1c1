// A suite of tests of a PMD's server that hold whoever decides its registrations: its own registry, or a store that
// decides late and in another order than it was asked, by its own books or by the server's view.
//
// Use: class Claims : public OverStores { MemoryPmd pmd{{}, store()}; };
//      DF_OVER_STORES(Claims);
//      TEST_P(Claims, ...) { ... }
#pragma once

#include <gtest/gtest.h>

#include "tests/base/seed.hpp"
#include "tests/support/late_store.hpp"

namespace distflow::test {

class OverStores : public ::testing::TestWithParam<StoreChoice::Kind> {
 public:
  static const char* name_of(StoreChoice::Kind kind) {
    if (kind == StoreChoice::Kind::local) return "local";
    return kind == StoreChoice::Kind::late ? "late" : "late_by_view";
  }

 protected:
  [[nodiscard]] StoreChoice store() const { return {GetParam(), seed_.value()}; }

 private:
  const Seed seed_;
  const ::testing::ScopedTrace trace_{__FILE__, __LINE__, seed_.replay()};
};

}  // namespace distflow::test

#define DF_OVER_STORES(suite)                                                                                  \
  INSTANTIATE_TEST_SUITE_P(                                                                                    \
      Stores, suite,                                                                                           \
      ::testing::Values(::distflow::test::StoreChoice::Kind::local, ::distflow::test::StoreChoice::Kind::late, \
                        ::distflow::test::StoreChoice::Kind::late_by_view),                                    \
      [](const auto& kind) { return ::distflow::test::OverStores::name_of(kind.param); })
