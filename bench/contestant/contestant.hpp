// What every contestant of a benchmark has in common: how it is told what to do, and how it tells what it measured.
//
// A contestant is a program that plays one role. The director starts it, gives it blocks of work on its standard input,
// and reads what it says on its standard output, a line each. Whatever does that in any language can take part.
//
//     PROGRAM ROLE [--connect A] [--broker A] [--payload N] [--spin] [--pin CPU] [--congestion NAME] [OWN OPTIONS]
//
//     role     says at first             then, for each block
//     broker   ready ADDRESS
//     echo     ready ADDRESS             answers every message to its sender
//     sink     ready ADDRESS             at each marked message: done END_NS COUNT   (of messages since the last mark)
//     source   ready -                   run N: sends N messages, the last one marked; says: sent BEGIN_NS
//                                        or, where all are answered, how long that took: took NS
//     ping     ready -                   run N: N round trips, one after the other; says: times FILE
//                                        pace N INTERVAL_NS: sends on a fixed plan; times from the intended instants
//     swarm    ready -                   run N: N round trips in all, over many connections; says: took NS, times FILE
//     solo     ready -                   run N: N times whatever it does, by itself; says: took NS
//
// FILE holds N round trips in nanoseconds, each a uint64 in the machine's byte order; the director deletes it. Instants
// are of CLOCK_MONOTONIC, which all processes of a machine share. A contestant ends at `quit` or at the end of its
// input; a broker, echo or sink with nothing to read there is ended by the director with SIGTERM, or by its death.
//
// `--spin`: looks for work without sleeping, as long as there was some within kSpin: between blocks all are quiet.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::bench {

enum class Role : std::uint8_t { broker, echo, sink, source, ping, swarm, solo };

/// How long a contestant that spins goes on after its last work.
inline constexpr std::chrono::milliseconds kSpin{20};

/// What a contestant was started with.
struct Setup {
  Role role = Role::solo;
  std::string connect;
  std::string broker;
  std::size_t payload_size = 128;  ///< bytes of the payload as JSON text, at least 2
  bool spins = false;
  std::string congestion;           ///< TCP congestion control; empty: what is usual for the contestant
  std::vector<std::string> others;  ///< what is the contestant's own

  /// The value behind `name` in `others`, or `otherwise`.
  [[nodiscard]] std::string other(std::string_view name, std::string_view otherwise) const;
  [[nodiscard]] bool has(std::string_view name) const;
};

/// Reads the arguments, and binds this process to its processor. On wrong usage it says so and ends the process.
/// The process ends with its parent.
Setup set_up(int argc, char** argv);

/// Binds the calling thread to one processor.
void bind_to(int cpu);

[[nodiscard]] std::uint64_t monotonic_ns();

/// One block of work for a source, ping, swarm or solo.
struct Block {
  std::uint64_t count = 0;
  std::uint64_t interval_ns = 0;  ///< of the plan; 0: one after the other
};

/// Waits for the next block; nothing at the end.
std::optional<Block> next_block();
/// A block that has come already on the standard input, if it was seen to be readable.
std::optional<Block> parse_block(std::string_view text);

void tell_ready(std::string_view address);
void tell_sent(std::uint64_t begin_ns);
void tell_took(std::uint64_t ns);
/// The end of a block that came now, at a sink that counts by itself; others use SinkCount.
void tell_done(std::uint64_t count);
/// Writes the round trips to a file and says where.
void tell_times(const std::vector<std::uint64_t>& round_trips_ns);
/// Says why this contestant cannot go on, and ends the process.
[[noreturn]] void give_up(std::string_view why);

/// A payload: a JSON string of `size` bytes. The second byte says whether it ends a block.
class Payload {
 public:
  explicit Payload(std::size_t size);
  [[nodiscard]] std::string_view plain() const { return plain_; }
  [[nodiscard]] std::string_view marked() const { return marked_; }
  [[nodiscard]] static bool is_marked(std::string_view payload) { return payload.size() > 1 && payload[1] == kMark; }

 private:
  static constexpr char kMark = 'L';
  std::string plain_;
  std::string marked_;
};

/// How many threads of the application send at the same time (`--threads`); 0: the contestant's own one. Each marks its
/// last message, and the sink, which is told the same, ends a block with the last mark.
[[nodiscard]] std::uint64_t threads_of(const Setup& setup);
/// Has each of the threads send its share of the block: calls `send(thread, count)` on each, and returns when all have.
void send_on_threads(std::uint64_t threads, const Block& block,
                     const std::function<void(std::uint64_t thread, std::uint64_t count)>& send);

/// A sink's count: tells the director about each block's end, which is its `marks`th mark.
class SinkCount {
 public:
  explicit SinkCount(std::uint64_t marks = 1) : marks_(marks) {}
  void note(std::string_view payload) {
    ++count_;
    if (Payload::is_marked(payload)) [[unlikely]]
      note_mark();
  }

 private:
  void note_mark();
  std::uint64_t count_ = 0;
  const std::uint64_t marks_;
  std::uint64_t marks_seen_ = 0;  // of this block
};

}  // namespace distflow::bench
