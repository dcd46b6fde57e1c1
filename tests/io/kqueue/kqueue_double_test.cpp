// The test double of kqueue, held to the manual pages: kqueue(2) of macOS (xnu) and of FreeBSD. Each test says, in our
// own words, which statement it holds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/event.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using Event = struct kevent;

constexpr timespec kNow{.tv_sec = 0, .tv_nsec = 0};
constexpr timespec kLong{.tv_sec = 10, .tv_nsec = 0};

Event change(int fd, std::int16_t filter, int flags, std::uint32_t fflags = 0, void* udata = nullptr) {
  return {.ident = static_cast<std::uintptr_t>(fd),
          .filter = filter,
          .flags = static_cast<std::uint16_t>(flags),
          .fflags = fflags,
          .data = 0,
          .udata = udata};
}

class KqueueDouble : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_GE(queue_.fd(), 0);
    far_ = RawSocket::connected_to(listener_.port());
    near_ = listener_.accept();
  }

  /// 0, or the errno.
  int apply(const Event& one) { return ::kevent(queue_.fd(), &one, 1, nullptr, 0, nullptr) == 0 ? 0 : errno; }
  int apply_to_near(std::int16_t filter, int flags) { return apply(change(near_.fd(), filter, flags)); }

  std::vector<Event> wait(const timespec& limit = kNow, std::size_t size = 8) {
    std::vector<Event> events(size);
    const int count = ::kevent(queue_.fd(), nullptr, 0, events.data(), static_cast<int>(size), &limit);
    EXPECT_GE(count, 0);
    events.resize(static_cast<std::size_t>(std::max(count, 0)));
    return events;
  }

  RawSocket queue_{::kqueue()};
  RawSocket listener_ = RawSocket::listening();
  RawSocket near_{-1};
  RawSocket far_{-1};
};

// "The filter is run when the event is registered, so that a condition that holds already is found."
TEST_F(KqueueDouble, a_condition_that_holds_at_registration_is_told) {
  far_.send("abc");
  ASSERT_TRUE(is_readable(near_.fd()));
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(wait().size(), 1U);
}

// EVFILT_READ: "data holds the number of bytes that can be read." udata comes back unchanged.
TEST_F(KqueueDouble, a_readable_stream_tells_its_bytes_and_what_it_was_registered_with) {
  int mark = 0;
  ASSERT_EQ(apply(change(near_.fd(), EVFILT_READ, EV_ADD, 0, &mark)), 0);
  far_.send("abcde");
  const std::vector<Event> events = wait(kLong);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].ident, static_cast<std::uintptr_t>(near_.fd()));
  EXPECT_EQ(events[0].filter, EVFILT_READ);
  EXPECT_EQ(events[0].data, 5);
  EXPECT_EQ(events[0].flags & (EV_EOF | EV_ERROR), 0);
  EXPECT_EQ(events[0].udata, &mark);
}

// EVFILT_READ: "a listening socket is told when a connection waits; data holds how many."
TEST_F(KqueueDouble, a_listener_tells_how_many_connections_wait) {
  ASSERT_EQ(apply(change(listener_.fd(), EVFILT_READ, EV_ADD)), 0);
  EXPECT_TRUE(wait().empty());
  const RawSocket one = RawSocket::connected_to(listener_.port());
  const RawSocket two = RawSocket::connected_to(listener_.port());
  const std::vector<Event> events = wait(kLong);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].data, 2);
}

// EV_CLEAR: "the state is reset once the event has been retrieved"; without it the present state is told.
TEST_F(KqueueDouble, with_clear_a_transition_is_told_once_and_without_it_the_state_again_and_again) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  far_.send("x");
  EXPECT_EQ(wait(kLong).size(), 1U);
  EXPECT_TRUE(wait().empty());
  far_.send("y");
  EXPECT_EQ(wait(kLong).size(), 1U);
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD), 0);
  EXPECT_EQ(wait().size(), 1U);
  EXPECT_EQ(wait().size(), 1U);
}

// "The filter is run again when the event is retrieved; if the condition is gone, nothing is told."
TEST_F(KqueueDouble, a_condition_that_is_gone_by_the_time_of_the_look_is_not_told) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  far_.send("x");
  EXPECT_EQ(near_.receive(), "x");
  EXPECT_TRUE(wait().empty());
}

// "Several occurrences are merged into one event"; an event is known by descriptor and filter, hence two for one
// descriptor.
TEST_F(KqueueDouble, occurrences_of_one_filter_are_merged_and_each_filter_has_an_event_of_its_own) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(apply_to_near(EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
  far_.send("x");
  far_.send("y");
  ASSERT_TRUE(is_readable(near_.fd()));
  std::vector<Event> events = wait();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_NE(events[0].filter, events[1].filter);
  far_.send("z");
  events = wait(kLong);
  ASSERT_EQ(events.size(), 1U) << "bytes to read are no news for the other filter";
  EXPECT_EQ(events[0].filter, EVFILT_READ);
}

// EVFILT_WRITE: "told whenever it is possible to write; data holds the room in the buffer."
TEST_F(KqueueDouble, a_stream_is_writable_until_its_buffer_is_full_and_again_when_there_is_room) {
  ASSERT_EQ(apply_to_near(EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
  std::vector<Event> events = wait();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_GT(events[0].data, 0);
  const std::string block(65536, 'x');
  while (::send(near_.fd(), block.data(), block.size(), MSG_DONTWAIT) > 0) {
  }
  EXPECT_TRUE(wait().empty());
  while (events = wait(), events.empty()) ASSERT_FALSE(far_.receive().empty());
  EXPECT_EQ(events[0].filter, EVFILT_WRITE);
}

// EVFILT_READ: "EV_EOF is set when the read direction is shut down; bytes may still be pending."
TEST_F(KqueueDouble, the_end_of_a_stream_is_told_with_the_bytes_before_it) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(apply_to_near(EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
  EXPECT_EQ(wait().size(), 1U);
  far_.send("rest");
  far_.end_sending();
  Event end{};
  while ((end.flags & EV_EOF) == 0) {
    const std::vector<Event> events = wait(kLong);
    ASSERT_FALSE(events.empty());
    for (const Event& event : events) {
      if (event.filter == EVFILT_READ) end = event;
      EXPECT_TRUE(event.filter == EVFILT_READ || (event.flags & EV_EOF) == 0) << "one direction alone has ended";
    }
  }
  EXPECT_EQ(end.data, 4);
}

// EVFILT_WRITE: "EV_EOF is set when the reader disconnects."
TEST_F(KqueueDouble, a_reset_ends_both_directions) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(apply_to_near(EVFILT_WRITE, EV_ADD | EV_CLEAR), 0);
  wait();
  far_.reset();
  ASSERT_TRUE(near_.receive().empty());
  const std::vector<Event> events = wait(kLong);
  ASSERT_EQ(events.size(), 2U);
  for (const Event& event : events) EXPECT_NE(event.flags & EV_EOF, 0);
}

// EV_ADD: "adding an event that is there changes its parameters and makes no second one."
TEST_F(KqueueDouble, adding_again_replaces) {
  int mark = 0;
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD | EV_CLEAR), 0);
  ASSERT_EQ(apply(change(near_.fd(), EVFILT_READ, EV_ADD | EV_CLEAR, 0, &mark)), 0);
  far_.send("x");
  const std::vector<Event> events = wait(kLong);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].udata, &mark);
}

// EV_DELETE: "removes the event." ENOENT: "the event to be changed or deleted was not found."
TEST_F(KqueueDouble, what_was_deleted_is_not_told_and_cannot_be_deleted_again) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD), 0);
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_DELETE), 0);
  far_.send("x");
  ASSERT_TRUE(is_readable(near_.fd()));
  EXPECT_TRUE(wait().empty());
  EXPECT_EQ(apply_to_near(EVFILT_READ, EV_DELETE), ENOENT);
  EXPECT_EQ(apply_to_near(EVFILT_WRITE, 0), ENOENT);
}

// "Closing a descriptor removes all events that refer to it", for its number's next owner, too.
TEST_F(KqueueDouble, closing_a_descriptor_removes_its_events) {
  ASSERT_EQ(apply_to_near(EVFILT_READ, EV_ADD), 0);
  const int duplicate = ::fcntl(near_.fd(), F_DUPFD_CLOEXEC, 0);  // keeps the stream itself alive
  const int number = near_.fd();
  near_.close();
  far_.send("x");
  ASSERT_TRUE(is_readable(duplicate));
  EXPECT_TRUE(wait().empty());
  EXPECT_EQ(apply(change(number, EVFILT_READ, EV_DELETE)), ENOENT);
  ::close(duplicate);
}

// EVFILT_USER: an event of the program's own, told when it is triggered; EV_CLEAR resets it.
TEST_F(KqueueDouble, an_event_of_the_programs_own_is_told_once_for_any_number_of_triggers) {
  EXPECT_EQ(apply(change(7, EVFILT_USER, 0, NOTE_TRIGGER)), ENOENT);
  ASSERT_EQ(apply(change(7, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
  EXPECT_TRUE(wait().empty());
  ASSERT_EQ(apply(change(7, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
  ASSERT_EQ(apply(change(7, EVFILT_USER, 0, NOTE_TRIGGER)), 0);
  const std::vector<Event> events = wait();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].filter, EVFILT_USER);
  EXPECT_EQ(events[0].ident, 7U);
  EXPECT_TRUE(wait().empty());
  ASSERT_EQ(apply(change(7, EVFILT_USER, EV_DELETE)), 0);
  EXPECT_EQ(apply(change(7, EVFILT_USER, 0, NOTE_TRIGGER)), ENOENT);
}

TEST_F(KqueueDouble, a_trigger_of_another_thread_ends_a_wait_without_a_limit) {
  ASSERT_EQ(apply(change(0, EVFILT_USER, EV_ADD | EV_CLEAR)), 0);
  std::thread other([this] { apply(change(0, EVFILT_USER, 0, NOTE_TRIGGER)); });
  Event event{};
  EXPECT_EQ(::kevent(queue_.fd(), nullptr, 0, &event, 1, nullptr), 1);
  other.join();
}

// "All changes are applied before events are retrieved"; "never more events than asked for".
TEST_F(KqueueDouble, changes_count_before_the_look_and_no_more_is_told_than_there_is_room_for) {
  const std::array changes{change(near_.fd(), EVFILT_WRITE, EV_ADD | EV_CLEAR),
                           change(far_.fd(), EVFILT_WRITE, EV_ADD | EV_CLEAR)};
  Event event{};
  EXPECT_EQ(::kevent(queue_.fd(), changes.data(), 2, &event, 1, &kNow), 1);
  EXPECT_EQ(wait().size(), 1U) << "the other one is told next";
}

// "An error in a change goes to the event list, as EV_ERROR with the code in data, where there is room; otherwise the
// call fails." EV_RECEIPT: "forces EV_ERROR to be returned, with data zero for success."
TEST_F(KqueueDouble, an_error_of_a_change_is_an_event_where_there_is_room_and_fails_the_call_where_not) {
  const Event wrong = change(near_.fd(), EVFILT_READ, EV_DELETE);
  Event event{};
  ASSERT_EQ(::kevent(queue_.fd(), &wrong, 1, &event, 1, &kNow), 1);
  EXPECT_NE(event.flags & EV_ERROR, 0);
  EXPECT_EQ(event.data, ENOENT);
  EXPECT_EQ(apply(wrong), ENOENT);

  far_.send("x");
  const Event right = change(near_.fd(), EVFILT_READ, EV_ADD | EV_RECEIPT);
  ASSERT_EQ(::kevent(queue_.fd(), &right, 1, &event, 1, &kNow), 1);
  EXPECT_NE(event.flags & EV_ERROR, 0);
  EXPECT_EQ(event.data, 0) << "a receipt, not the byte that waits";
}

// EBADF, EINVAL: "the descriptor, the time limit or the filter is invalid."
TEST_F(KqueueDouble, what_is_invalid_is_refused) {
  EXPECT_EQ(apply(change(-1, EVFILT_READ, EV_ADD)), EBADF);
  EXPECT_EQ(apply(change(near_.fd(), -3, EV_ADD)), EINVAL);
  Event event{};
  EXPECT_EQ(::kevent(near_.fd(), nullptr, 0, &event, 1, &kNow), -1);
  EXPECT_EQ(errno, EBADF);
  // Beyond the pages: macOS waits for 100,000,000 seconds at most.
  for (const timespec limit : {timespec{.tv_sec = 100'000'001, .tv_nsec = 0}, timespec{.tv_sec = -1, .tv_nsec = 0},
                               timespec{.tv_sec = 0, .tv_nsec = 1'000'000'000}}) {
    EXPECT_EQ(::kevent(queue_.fd(), nullptr, 0, &event, 1, &limit), -1);
    EXPECT_EQ(errno, EINVAL);
  }
}

// "If the time limit expires, 0 is returned"; "without room for events the call returns at once, whatever the limit."
TEST_F(KqueueDouble, a_limit_that_expires_and_a_call_without_room_tell_nothing) {
  const timespec moment{.tv_sec = 0, .tv_nsec = 1000};
  EXPECT_TRUE(wait(moment).empty());
  EXPECT_EQ(::kevent(queue_.fd(), nullptr, 0, nullptr, 0, nullptr), 0);
}

// EINTR: "a signal came before the limit expired and before there was an event."
TEST_F(KqueueDouble, a_signal_ends_a_wait) {
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {};
  ::sigaction(SIGUSR1, &action, &before);
  std::atomic<bool> has_ended{false};
  const pthread_t waiting = ::pthread_self();
  std::thread other([&] {
    while (!has_ended) {
      ::pthread_kill(waiting, SIGUSR1);
      std::this_thread::yield();
    }
  });
  Event event{};
  EXPECT_EQ(::kevent(queue_.fd(), nullptr, 0, &event, 1, &kLong), -1);
  EXPECT_EQ(errno, EINTR);
  has_ended = true;
  other.join();
  ::sigaction(SIGUSR1, &before, nullptr);
}

// "EMFILE: the process has no descriptor left."
TEST_F(KqueueDouble, without_descriptors_there_is_no_queue) {
  const NoDescriptorsLeft none;
  EXPECT_EQ(::kqueue(), -1);
  EXPECT_EQ(errno, EMFILE);
}

TEST_F(KqueueDouble, closing_a_queue_gives_everything_back) {
  const int lowest_free = ::dup(0);
  ::close(lowest_free);
  for (int i = 0; i < 3; ++i) {
    RawSocket queue(::kqueue());
    const Event add = change(near_.fd(), EVFILT_READ, EV_ADD);
    EXPECT_EQ(::kevent(queue.fd(), &add, 1, nullptr, 0, nullptr), 0);
  }
  const int again = ::dup(0);
  EXPECT_EQ(again, lowest_free);
  ::close(again);
}

}  // namespace
}  // namespace distflow::test
