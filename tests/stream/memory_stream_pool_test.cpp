#include "stream/memory_stream_pool.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>

#include "io/reactor.hpp"
#include "stream/memory_stream.hpp"
#include "stream/socket_stream.hpp"
#include "tests/support/backends.hpp"

namespace distflow::test {
namespace {

using stream::MemoryStream;

class MemoryStreamPoolTest : public ::testing::Test {
 protected:
  static constexpr std::size_t kRing = 4096;

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  stream::SocketStream lower_{reactor_};
  stream::MemoryStreamPool pool_{.chunk = io::ReceiveChunk(chunks_), .ring_size = kRing, .count_max = 1};
};

TEST_F(MemoryStreamPoolTest, no_more_streams_are_made_than_there_are_pool_for) {
  Result<std::unique_ptr<MemoryStream>> memory = MemoryStream::create(pool_, reactor_, lower_, "0123456789abcdef");
  ASSERT_TRUE(memory);
  EXPECT_EQ(MemoryStream::create(pool_, reactor_, lower_, "0123456789abcdef").error(), Errc::queue_full);
  memory->reset();
  EXPECT_TRUE(MemoryStream::create(pool_, reactor_, lower_, "0123456789abcdef"));
}

TEST_F(MemoryStreamPoolTest, rings_larger_than_ones_own_are_refused) {
  pool_.count_max = 2;
  const std::string nonce = "0123456789abcdef";
  stream::MemoryStreamPool larger{.chunk = io::ReceiveChunk(chunks_), .ring_size = 2 * kRing, .count_max = 1};
  const auto offered = MemoryStream::create(larger, reactor_, lower_, nonce);
  ASSERT_TRUE(offered);
  EXPECT_EQ(MemoryStream::open(pool_, reactor_, lower_, (*offered)->name(), 2 * kRing, nonce).error(),
            Errc::queue_full);
  pool_.ring_size = 2 * kRing;
  EXPECT_TRUE(MemoryStream::open(pool_, reactor_, lower_, (*offered)->name(), 2 * kRing, nonce));
}

TEST_F(MemoryStreamPoolTest, that_the_system_refuses_memory_is_said_once) {
  const Error refused{std::make_error_code(std::errc::file_too_large), "creating shared memory"};
  const Error own_bound{Errc::queue_full, "sharing memory"};
  const Error unknown{std::make_error_code(std::errc::function_not_supported), "creating shared memory"};
  using base::LogLevel;
  EXPECT_EQ(pool_.level_of_failure(own_bound, LogLevel::warn), LogLevel::debug);
  EXPECT_EQ(pool_.level_of_failure(unknown, LogLevel::warn), LogLevel::debug);
  EXPECT_EQ(pool_.level_of_failure(refused, LogLevel::warn), LogLevel::warn);
  EXPECT_EQ(pool_.level_of_failure(refused, LogLevel::warn), LogLevel::debug);
}

}  // namespace
}  // namespace distflow::test
