// RingWriter and RingReader over one ring: what comes out, who is to be woken, and what neither side believes.
#include "stream/memory_ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/base/seed.hpp"

namespace distflow::stream {
namespace {

constexpr std::size_t kSize = 4096;

/// A ring in plain memory, and both its sides.
struct Ring {
  explicit Ring(std::size_t size = kSize) : bytes(size) {}

  std::string read(std::size_t size_max) {
    std::string out(size_max, '\0');
    out.resize(reader.read(out));
    return out;
  }

  std::unique_ptr<RingControl> control = std::make_unique<RingControl>();
  std::vector<char> bytes;
  RingWriter writer{RingMemory{*control, bytes}};
  RingReader reader{RingMemory{*control, bytes}};
};

char byte_at(std::uint64_t position) { return static_cast<char>(position * 7 + position / 251); }

std::string bytes_from(std::uint64_t position, std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = byte_at(position++);
  return bytes;
}

TEST(MemoryRing, bytes_come_out_as_they_went_in_over_any_sizes_and_wrap_arounds) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  std::mt19937_64 random(seed.value());
  for (const std::size_t capacity : {kSize, std::size_t{64} * 1024}) {
    Ring ring(capacity);
    std::uniform_int_distribution<std::size_t> size_of(0, capacity + capacity / 4);
    std::uint64_t written = 0;
    std::uint64_t taken = 0;
    for (int step = 0; step < 400; ++step) {
      const std::string in = bytes_from(written, size_of(random));
      const std::size_t room = capacity - static_cast<std::size_t>(written - taken);
      ASSERT_EQ(ring.writer.write(in), std::min(in.size(), room));
      written += std::min(in.size(), room);
      ASSERT_EQ(ring.reader.has_unread(), written != taken);
      const std::size_t size_max = size_of(random);
      std::string out = ring.read(size_max);
      // What came after the last look at the writer's position may need another.
      if (out.size() < size_max) out += ring.read(size_max - out.size());
      ASSERT_EQ(out.size(), std::min(size_max, static_cast<std::size_t>(written - taken)));
      ASSERT_EQ(out, bytes_from(taken, out.size()));
      taken += out.size();
    }
    EXPECT_GT(written, 10 * capacity);
    EXPECT_FALSE(ring.writer.is_broken() || ring.reader.is_broken());
  }
}

TEST(MemoryRing, an_empty_ring_has_nothing_and_takes_nothing_of_nothing) {
  Ring ring;
  EXPECT_FALSE(ring.reader.has_unread());
  EXPECT_EQ(ring.read(10), "");
  EXPECT_EQ(ring.writer.write(""), 0u);
  EXPECT_FALSE(ring.reader.has_unread());
}

TEST(MemoryRing, a_full_one_takes_no_more_and_takes_again_when_it_is_read) {
  Ring ring;
  EXPECT_EQ(ring.writer.write(bytes_from(0, kSize + 1)), kSize);
  EXPECT_EQ(ring.writer.write("x"), 0u);
  EXPECT_FALSE(ring.writer.is_broken());
  EXPECT_EQ(ring.read(3), bytes_from(0, 3));
  EXPECT_EQ(ring.writer.write("abcd"), 3u);
  EXPECT_EQ(ring.writer.write("d"), 0u);
  EXPECT_EQ(ring.read(kSize), bytes_from(3, kSize - 3) + "abc");
  EXPECT_EQ(ring.read(kSize), "");
  EXPECT_FALSE(ring.reader.has_unread());
}

TEST(MemoryRing, a_writer_whose_reader_is_where_it_cannot_be_is_broken_for_good) {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max() / 2;
  // Ahead of what was written, or a whole ring and more behind it.
  for (const std::uint64_t taken : {std::uint64_t{2} * kSize + 1, std::uint64_t{kSize} - 1, std::uint64_t{0}, kHuge}) {
    Ring ring;
    ASSERT_EQ(ring.writer.write(bytes_from(0, kSize)), kSize);
    ASSERT_EQ(ring.read(kSize).size(), kSize);
    ASSERT_EQ(ring.writer.write(bytes_from(0, kSize)), kSize);
    ring.control->taken = taken;
    EXPECT_EQ(ring.writer.write("x"), 0u) << taken;
    EXPECT_TRUE(ring.writer.is_broken()) << taken;
    ring.control->taken = std::uint64_t{2} * kSize;
    EXPECT_EQ(ring.writer.write("x"), 0u) << taken;
    EXPECT_TRUE(ring.writer.is_broken()) << taken;
    EXPECT_EQ(ring.control->written, std::uint64_t{2} * kSize);
  }
}

TEST(MemoryRing, a_reader_whose_writer_is_where_it_cannot_be_is_broken_for_good) {
  constexpr std::uint64_t kHuge = std::numeric_limits<std::uint64_t>::max() / 2;
  // Behind what was taken, or a whole ring and more ahead of it.
  for (const std::uint64_t written : {std::uint64_t{9}, std::uint64_t{0}, std::uint64_t{10 + kSize + 1}, kHuge}) {
    Ring ring;
    ASSERT_EQ(ring.writer.write("0123456789"), 10u);
    ASSERT_EQ(ring.read(10), "0123456789");
    ring.control->written = written;
    EXPECT_EQ(ring.read(kSize), "") << written;
    EXPECT_TRUE(ring.reader.is_broken()) << written;
    EXPECT_FALSE(ring.reader.has_unread()) << written;
    ring.control->written = 11;
    EXPECT_FALSE(ring.reader.has_unread()) << written;
    EXPECT_EQ(ring.read(kSize), "") << written;
    EXPECT_TRUE(ring.reader.is_broken()) << written;
    EXPECT_EQ(ring.control->taken, 10u);
  }
}

TEST(MemoryRing, a_whole_ring_ahead_is_where_a_writer_can_be) {
  Ring ring;
  ring.control->written = kSize;
  EXPECT_EQ(ring.read(kSize).size(), kSize);
  EXPECT_FALSE(ring.reader.is_broken());
}

TEST(MemoryRing, a_reader_that_sleeps_is_to_be_woken_once) {
  Ring ring;
  EXPECT_FALSE(ring.writer.is_reader_to_be_woken());
  ring.reader.sleep(true);
  EXPECT_TRUE(ring.writer.is_reader_to_be_woken());
  EXPECT_FALSE(ring.writer.is_reader_to_be_woken());
  ring.reader.sleep(true);
  ring.reader.sleep(false);
  EXPECT_FALSE(ring.writer.is_reader_to_be_woken());
}

TEST(MemoryRing, a_writer_that_waits_is_to_be_woken_once_and_not_before_half_of_the_ring_is_free) {
  Ring ring;
  ASSERT_EQ(ring.writer.write(bytes_from(0, kSize)), kSize);
  ring.writer.wait_for_room(true);
  EXPECT_FALSE(ring.reader.is_writer_to_be_woken());
  ring.read(kSize / 2 - 1);
  EXPECT_FALSE(ring.reader.is_writer_to_be_woken());
  ring.read(1);
  EXPECT_TRUE(ring.reader.is_writer_to_be_woken());
  EXPECT_FALSE(ring.reader.is_writer_to_be_woken());
  ring.read(kSize);
  EXPECT_FALSE(ring.reader.is_writer_to_be_woken());
  ring.writer.wait_for_room(true);
  ring.writer.wait_for_room(false);
  EXPECT_FALSE(ring.reader.is_writer_to_be_woken());
}

TEST(MemoryRing, a_thread_gets_every_byte_that_another_one_writes_in_order) {
  constexpr std::uint64_t kTotal = std::uint64_t{8} * 1024 * 1024;
  Ring ring;
  std::thread writing([&] {
    std::uint64_t written = 0;
    while (written < kTotal && !ring.writer.is_broken()) {
      std::string rest =
          bytes_from(written, static_cast<std::size_t>(std::min<std::uint64_t>(written % 6000 + 1, kTotal - written)));
      while (!rest.empty() && !ring.writer.is_broken()) {
        const std::size_t size = ring.writer.write(rest);
        written += size;
        rest.erase(0, size);
        if (size == 0) std::this_thread::yield();
      }
    }
  });
  std::uint64_t taken = 0;
  std::uint64_t wrong = 0;
  std::vector<char> out(5000);
  while (taken < kTotal && !ring.reader.is_broken()) {
    const std::size_t size = ring.reader.read(out);
    for (std::size_t i = 0; i < size; ++i) wrong += out[i] != byte_at(taken + i) ? 1U : 0U;
    taken += size;
    if (size == 0) std::this_thread::yield();
  }
  writing.join();
  EXPECT_EQ(taken, kTotal);
  EXPECT_EQ(wrong, 0u);
  EXPECT_FALSE(ring.writer.is_broken() || ring.reader.is_broken());
}

}  // namespace
}  // namespace distflow::stream
