#include "pmd/server/event_log.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::pmd {
namespace {

class EventLogTest : public ::testing::Test {
 protected:
  ~EventLogTest() override { EXPECT_LE(log.bytes(), kBytesMax); }

  void append(const std::string& text) {
    out.begin_frame();
    out.append(text);
    log.append(out.end_frame());
  }
  /// The bodies of all that the watcher has not taken.
  std::string taken(EventLog::Cursor& cursor) {
    std::string bodies;
    while (log.is_behind(cursor)) {
      const transport::EncodedRun run = log.take(cursor);
      std::string_view bytes = run.bytes;
      std::uint32_t count = 0;
      for (; !bytes.empty(); ++count) {
        const std::size_t size = framing::read_header(bytes.data());
        bodies += std::string(bytes.substr(framing::kHeaderSize, size)) + ' ';
        bytes.remove_prefix(framing::kHeaderSize + size);
      }
      EXPECT_EQ(count, run.count);
    }
    return bodies;
  }

  static constexpr std::size_t kBytesMax = 400;
  base::ChunkPool chunks{{.chunk_size = 64, .chunk_count_max = 64}};
  transport::OutBuffer out{chunks};
  EventLog log{kBytesMax};
};

TEST_F(EventLogTest, each_watcher_takes_what_was_appended_after_it_came_once_and_in_order) {
  EventLog::Cursor first = log.join();
  append("a");
  append("b");
  EventLog::Cursor second = log.join();
  EXPECT_EQ(taken(first), "a b ");
  for (const char* text : {"c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"}) append(text);
  EXPECT_EQ(taken(first), "c d e f g h i j k l m n o p ");
  EXPECT_EQ(taken(second), "c d e f g h i j k l m n o p ");
  append("q");
  EXPECT_EQ(taken(first) + taken(second), "q q ");
  log.leave(first);
  log.leave(second);
  EXPECT_EQ(log.bytes(), 0u);
}

TEST_F(EventLogTest, what_all_have_taken_is_kept_no_longer) {
  EventLog::Cursor cursor = log.join();
  for (int i = 0; i < 1000; ++i) {
    append(std::string(50, 'x'));
    EXPECT_FALSE(log.is_lost(cursor));
    EXPECT_EQ(taken(cursor), std::string(50, 'x') + ' ');
    EXPECT_LE(log.bytes(), 54u * 2);
  }
  log.leave(cursor);
}

TEST_F(EventLogTest, a_watcher_that_takes_nothing_is_lost_at_the_bound_and_others_are_not) {
  const EventLog::Cursor deaf = log.join();
  EventLog::Cursor reads = log.join();
  for (int i = 0; i < 20; ++i) {
    append(std::string(50, 'x'));
    EXPECT_NE(taken(reads), "");
    EXPECT_FALSE(log.is_lost(reads));
  }
  EXPECT_TRUE(log.is_lost(deaf));
  log.leave(deaf);
  append("y");
  EXPECT_EQ(taken(reads), "y ");
  log.leave(reads);
  EventLog::Cursor later = log.join();
  append("z");
  EXPECT_EQ(taken(later), "z ");
  log.leave(later);
}

}  // namespace
}  // namespace distflow::pmd
