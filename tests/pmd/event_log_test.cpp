#include "pmd/server/event_log.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::pmd {
namespace {

class EventLogTest : public ::testing::Test {
 protected:
  ~EventLogTest() override { EXPECT_LE(log.bytes(), kBytesMax); }

  void append(const std::string& text, WatcherKinds kinds = kAllWatchers) {
    out.begin_frame();
    out.append(text);
    log.append(out.end_frame(), kinds);
  }
  /// The bodies of all that the watcher has not taken.
  std::string taken(EventLog::Cursor& cursor, WatcherKind kind = WatcherKind::grouped) {
    std::string bodies;
    while (log.is_behind(cursor)) {
      const transport::EncodedRun run = log.take(cursor, kind);
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

TEST_F(EventLogTest, each_watcher_takes_what_is_for_its_kind_and_passes_over_the_rest) {
  EventLog::Cursor grouped = log.join();
  EventLog::Cursor typescript = log.join();
  append("a");
  append("b", only(WatcherKind::grouped));
  append("c", only(WatcherKind::grouped));
  EXPECT_EQ(taken(typescript, WatcherKind::typescript), "a ");
  append("d", only(WatcherKind::numbered));
  append("e");
  append("f", only(WatcherKind::numbered));
  EXPECT_EQ(taken(typescript, WatcherKind::typescript), "e ");
  EXPECT_FALSE(log.is_behind(typescript));
  EXPECT_EQ(taken(grouped, WatcherKind::grouped), "a b c e ");
  append("g");
  EXPECT_EQ(taken(typescript, WatcherKind::typescript) + taken(grouped, WatcherKind::grouped), "g g ");
  log.leave(grouped);
  log.leave(typescript);
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
