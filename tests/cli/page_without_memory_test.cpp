// The daemon's page, each allocation of its opening failing once: nothing is left behind, and it can be opened later.
#include <gtest/gtest.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "cli/page_service.hpp"
#include "tests/support/failing_allocations.hpp"
#include "tests/support/http_peers.hpp"
#include "tests/support/memory_pmd.hpp"

namespace distflow::cli {
namespace {

using namespace test;

class PageWithoutMemory : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kPort = 4370;

  /// `opening` opens the page; each of its allocations fails once. Then the page is opened, and has to be there.
  template <class Opening>
  static void sweep(Opening opening) {
    std::size_t n = 0;
    for (bool has_failed = true; has_failed; ++n) {
      SCOPED_TRACE("allocation " + std::to_string(n));
      MemoryPmd pmd;
      ASSERT_TRUE(pmd.start());
      const base::Log log(base::LogLevel::error);
      auto page = std::make_unique<PageService>(pmd.reactor(), pmd.server(), log, kPort, std::vector<std::uint32_t>{});
      const std::size_t handles = pmd.network().handle_count();
      const FailedCall call = call_with_failing_allocation(n, [&] { opening(pmd, *page); });
      has_failed = call.has_failed;
      if (call.has_thrown) {
        EXPECT_EQ(pmd.network().handle_count(), handles) << "it listens still";
      }
      EXPECT_TRUE(page->open(kPort));
      HttpPeers peers(pmd.network(), kPort, [&pmd] { pmd.turn(); });
      EXPECT_TRUE(peers.answer_to("/health").starts_with("HTTP/1.1 200 "));
      peers.close(*page);
      pmd.turn();
    }
    EXPECT_GT(n, 1u);
    std::printf("%zu points\n", n - 1);
  }
};

TEST_F(PageWithoutMemory, a_page_that_is_begun_leaves_nothing_behind) {
  sweep([](MemoryPmd&, PageService& page) { static_cast<void>(page.begin()); });
}

TEST_F(PageWithoutMemory, a_page_that_is_asked_for_leaves_nothing_behind) {
  sweep([](MemoryPmd&, PageService& page) { static_cast<void>(page.open(kPort)); });
}

TEST_F(PageWithoutMemory, a_page_whose_port_another_has_leaves_nothing_behind_and_comes_later) {
  sweep([](MemoryPmd& pmd, PageService& page) {
    pmd.network().refuse_listening(io::Address::Family::ipv4, EADDRINUSE);
    try {
      static_cast<void>(page.begin());
    } catch (const std::bad_alloc&) {
      pmd.network().refuse_listening(io::Address::Family::ipv4, 0);
      throw;
    }
    pmd.network().refuse_listening(io::Address::Family::ipv4, 0);
    pmd.advance(2 * PageService::kRetryInterval);
  });
}

}  // namespace
}  // namespace distflow::cli
