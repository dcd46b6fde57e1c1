#include <array>
#include <memory>
#include <string>

#include "stream/memory_ring_parts.hpp"
#include "tests/schedules/model_atomics.hpp"
#include "tests/schedules/subjects.hpp"

namespace distflow::test {
namespace {

/// The two ends of a connection's ring, smaller than what goes through it: each sleeps when it can do nothing, as a
/// connection does. The end comes beside the ring, as that of a stream does.
class RingWorld {
 public:
  std::vector<std::function<void()>> threads() {
    return {[this] { write_all(); }, [this] { read_all(); }};
  }
  void check_end() {
    check(received_ == sent_, "a frame is lost, torn, or comes twice");
    check(!writer_.is_broken() && !reader_.is_broken(), "a position is taken for one that cannot be");
  }

 private:
  static constexpr std::array kFrames = {"one;", "second;", "3;"};
  static constexpr std::size_t kCapacity = 4;

  void write_all() {
    for (const std::string_view frame : kFrames) write(frame);
    has_ended_.store(1, std::memory_order_release);
    if (writer_.is_reader_to_be_woken()) reader_bell_.ring();
  }
  void write(std::string_view rest) {
    while (!rest.empty()) {
      if (advance(rest)) continue;
      writer_.wait_for_room(true);
      if (!advance(rest)) Schedule::current()->wait(writer_bell_);
      writer_.wait_for_room(false);
    }
  }
  bool advance(std::string_view& rest) {
    const std::size_t size = writer_.write(rest);
    rest.remove_prefix(size);
    if (size > 0 && writer_.is_reader_to_be_woken()) reader_bell_.ring();
    return size > 0;
  }

  void read_all() {
    for (;;) {
      const bool is_last = has_ended_.load(std::memory_order_acquire) != 0;
      if (read()) continue;
      if (is_last) return;
      reader_.sleep(true);
      if (!reader_.has_unread() && has_ended_.load(std::memory_order_relaxed) == 0) {
        Schedule::current()->wait(reader_bell_);
      }
      reader_.sleep(false);
    }
  }
  bool read() {
    std::array<char, 3> out{};
    const std::size_t size = reader_.read(out);
    received_.append(out.data(), size);
    check(sent_.starts_with(received_), "bytes come in another order, or others come");
    if (size > 0 && reader_.is_writer_to_be_woken()) writer_bell_.ring();
    return size > 0;
  }

  const std::string sent_ = std::string(kFrames[0]) + kFrames[1] + kFrames[2];
  stream::BasicRingControl<ModelAtomics> control_;
  std::array<char, kCapacity> bytes_{};
  stream::BasicRingWriter<ModelAtomics> writer_{{control_, bytes_}};
  stream::BasicRingReader<ModelAtomics> reader_{{control_, bytes_}};
  ModelAtomics::Atomic<int> has_ended_;
  Bell writer_bell_;
  Bell reader_bell_;
  std::string received_;
};

}  // namespace

std::vector<Subject> stream_subjects() {
  return {{"ring_in_shared_memory",
           [](Chooser& chooser, const Weakening* weakening) { return run_world<RingWorld>(chooser, weakening); }}};
}

}  // namespace distflow::test
