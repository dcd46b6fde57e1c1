// The limit of a round trip through shared memory: two bare rings between two processes, and no call at all.
//
//     bench_raw_ring echo|ping ...                                                       (bench/contestant)
//
// The rings are laid out as those of docs/wire-protocol.md: 256 KiB each, the position of either side on lines of its
// own. A message is of the size of distflow's frame around the same payload, is copied in and copied out, and the next
// one follows when it is back. Both ends look without sleeping, as long as there was a message within kSpin; then they
// look once a millisecond.
#include <sys/mman.h>
#include <unistd.h>

#include <fcntl.h>
#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "bench/contestant/contestant.hpp"
#include "bench/limits/frame_template.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kRingSize = std::size_t{256} * 1024;
/// So many looks for each look at the clock.
constexpr int kLooks = 10'000;

/// One direction.
struct Ring {
  alignas(128) std::atomic<std::uint64_t> written;  // bytes, ever
  alignas(128) std::atomic<std::uint64_t> taken;
  alignas(128) std::atomic<std::uint32_t> has_ended;  // whoever writes here writes no more
  alignas(128) char bytes[kRingSize];
};

struct Shared {
  Ring questions;
  Ring answers;
};

Shared& map(int fd) {
  void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (memory == MAP_FAILED) give_up("the rings cannot be mapped");
  ::close(fd);
  return *static_cast<Shared*>(memory);
}

/// One side of a ring: its own position, and where it is told to the other side.
class Writer {
 public:
  explicit Writer(Ring& ring) : ring_(ring) {}

  /// There is room: at most one message is under way.
  void write(const std::vector<char>& message) {
    copy(message);
    position_ += message.size();
    ring_.written.store(position_, std::memory_order_release);  // pairs with Reader::read()
  }

 private:
  void copy(const std::vector<char>& message) {
    const std::size_t place = position_ % kRingSize;
    const std::size_t first = std::min(message.size(), kRingSize - place);
    std::memcpy(ring_.bytes + place, message.data(), first);
    std::memcpy(ring_.bytes, message.data() + first, message.size() - first);
  }

  Ring& ring_;
  std::uint64_t position_ = 0;
};

class Reader {
 public:
  explicit Reader(Ring& ring) : ring_(ring) {}

  /// Waits for a message of the size of `out`, and copies it there; false at the end.
  bool read(std::vector<char>& out) {
    std::uint64_t spin_until = 0;
    while (true) {
      for (int i = 0; i < kLooks; ++i) {
        // acquire: what was written before the position is seen, too.
        if (ring_.written.load(std::memory_order_acquire) - position_ >= out.size()) return take(out);
      }
      if (ring_.has_ended.load(std::memory_order_relaxed) != 0) return false;
      const std::uint64_t now = monotonic_ns();
      if (spin_until == 0) spin_until = now + static_cast<std::uint64_t>(std::chrono::nanoseconds(kSpin).count());
      if (now >= spin_until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      } else {
        std::this_thread::yield();  // the other side may have this processor, too
      }
    }
  }

 private:
  bool take(std::vector<char>& out) {
    const std::size_t place = position_ % kRingSize;
    const std::size_t first = std::min(out.size(), kRingSize - place);
    std::memcpy(out.data(), ring_.bytes + place, first);
    std::memcpy(out.data() + first, ring_.bytes, out.size() - first);
    position_ += out.size();
    ring_.taken.store(position_, std::memory_order_release);  // as the protocol has it; nobody waits for room here
    return true;
  }

  Ring& ring_;
  std::uint64_t position_ = 0;
};

std::vector<char> message_of(const Setup& setup) {
  const std::size_t size = kFrameSizeMin + setup.payload_size;
  if (size > kRingSize) give_up("a message does not fit into a ring");
  return std::vector<char>(size, 'x');
}

void echo(const Setup& setup) {
  std::vector<char> message = message_of(setup);
  const int fd = ::memfd_create("bench_raw_ring", 0);
  if (fd < 0 || ::ftruncate(fd, sizeof(Shared)) != 0) give_up("there is no memory to share");
  const int kept = ::dup(fd);  // what the other side opens the memory by
  Shared& shared = map(fd);
  tell_ready("/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(kept));
  Reader questions(shared.questions);
  Writer answers(shared.answers);
  while (questions.read(message)) answers.write(message);
}

void ping(const Setup& setup) {
  const std::vector<char> question = message_of(setup);
  std::vector<char> answer = question;
  const int fd = ::open(setup.connect.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) give_up("the echo's memory cannot be opened");
  Shared& shared = map(fd);
  Writer questions(shared.questions);
  Reader answers(shared.answers);
  tell_ready("-");
  while (const auto block = next_block()) {
    std::vector<std::uint64_t> times(block->count);
    std::uint64_t begin = monotonic_ns();
    for (std::uint64_t& time : times) {
      questions.write(question);
      answers.read(answer);
      const std::uint64_t end = monotonic_ns();
      time = end - std::exchange(begin, end);
    }
    tell_times(times);
  }
  shared.questions.has_ended.store(1, std::memory_order_relaxed);
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  switch (setup.role) {
    case Role::echo: echo(setup); break;
    case Role::ping: ping(setup); break;
    default: give_up("raw_ring plays echo and ping");
  }
}
