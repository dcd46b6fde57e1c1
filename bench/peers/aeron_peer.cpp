// Aeron's IPC as a contestant: round trips over two streams in shared memory, by its C client, with a media driver of
// its own as the broker.
//
//     bench_peer_aeron broker
//     bench_peer_aeron echo|ping --broker DIRECTORY ...
//
// Settings, by their names in aeronc.h; the driver's are with become_aeron_driver():
//   aeron_exclusive_publication_offer                a publication of one thread costs less than one of many
//   aeron_subscription_poll, without idling          both ends look all the time: --spin is the only way here
//   aeron_context_set_pre_touch_mapped_memory        on: no page fault while messages flow
//   aeron_context_set_idle_sleep_duration_ns         100 ms: the client's other thread has the same processor as the
//                                                    one that is measured, and each of its wakes delays a message
// An end that has had no message within kSpin looks once a millisecond, so that it disturbs nobody between blocks.
// Aeron has no such sleep, and nothing that ends it. An open loop is therefore preceded by a message that is not
// counted.
// --congestion has no counterpart.
#include <aeronc.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>

#include "bench/peers/aeron_driver.hpp"
#include "bench/peers/roles.hpp"

namespace distflow::bench {
namespace {

constexpr const char* kChannel = "aeron:ipc";
constexpr std::int32_t kThere = 1001;
constexpr std::int32_t kBack = 1002;
/// What one fragment holds: AERON_IPC_MTU_LENGTH, 1408 by default, less its header. Nothing here joins fragments.
constexpr std::size_t kPayloadMax = 1376;
constexpr std::uint64_t kConductorSleepNs = 100'000'000;
/// So many looks for each look at the clock.
constexpr int kLooks = 10'000;
/// How many an echo answers before it looks at the clock again.
constexpr std::size_t kFragments = 10;
constexpr std::uint64_t kConnectPatienceNs = 15'000'000'000;

void must(int result) {
  if (result < 0) give_up(::aeron_errmsg());
}

/// Waits for what another thread or the driver does.
template <class IsDone>
void wait_until(IsDone is_done) {
  const std::uint64_t deadline = monotonic_ns() + kConnectPatienceNs;
  while (!is_done()) {
    if (monotonic_ns() > deadline) give_up("the media driver or the other end does not answer");
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

/// Rejected for now: the other end is about to come, or to read, or the log turns to its next term.
bool may_be_offered_again(std::int64_t verdict) {
  return verdict == AERON_PUBLICATION_NOT_CONNECTED || verdict == AERON_PUBLICATION_BACK_PRESSURED ||
         verdict == AERON_PUBLICATION_ADMIN_ACTION;
}

class AeronLink {
 public:
  explicit AeronLink(const Setup& setup) {
    const bool is_echo = setup.role == Role::echo;
    if (setup.payload_size > kPayloadMax) give_up("a payload is one fragment here: 1376 bytes at most");
    start_client(setup.broker);
    subscribe(is_echo ? kThere : kBack);
    publish(is_echo ? kBack : kThere);
    if (is_echo) {
      tell_ready(kChannel);
      return;
    }
    wait_until([this] { return ::aeron_subscription_is_connected(subscription_); });
    wait_until([this] { return ::aeron_exclusive_publication_is_connected(publication_); });
  }
  AeronLink(const AeronLink&) = delete;
  AeronLink& operator=(const AeronLink&) = delete;
  ~AeronLink() {
    ::aeron_exclusive_publication_close(publication_, nullptr, nullptr);
    ::aeron_subscription_close(subscription_, nullptr, nullptr);
    ::aeron_close(client_);
    ::aeron_context_close(context_);
  }

  void send(std::string_view payload) { offer(reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()); }

  void flush() {}

  std::string_view receive() {
    await([this] { return poll(take, 1); });
    return received_;
  }

  /// From where it lies.
  void answer() {
    await([this] { return poll(send_back, kFragments); });
  }

  bool receive_until(std::uint64_t deadline_ns) {
    if (deadline_ns == kNever) {
      receive();
      return true;
    }
    do {
      if (poll(take, 1)) return true;
    } while (monotonic_ns() < deadline_ns);
    return false;
  }

  std::vector<std::uint64_t> pace(const Block& block, std::string_view payload) {
    send(payload);
    receive();
    return pace_alone(*this, block, payload);
  }

 private:
  static void take(void* self, const std::uint8_t* data, std::size_t size, aeron_header_t* /*header*/) {
    static_cast<AeronLink*>(self)->received_.assign(reinterpret_cast<const char*>(data), size);
  }

  static void send_back(void* self, const std::uint8_t* data, std::size_t size, aeron_header_t* /*header*/) {
    static_cast<AeronLink*>(self)->offer(data, size);
  }

  void start_client(const std::string& directory) {
    must(::aeron_context_init(&context_));
    must(::aeron_context_set_dir(context_, directory.c_str()));
    must(::aeron_context_set_pre_touch_mapped_memory(context_, true));
    must(::aeron_context_set_idle_sleep_duration_ns(context_, kConductorSleepNs));
    must(::aeron_init(&client_, context_));
    must(::aeron_start(client_));
  }

  void subscribe(std::int32_t stream) {
    aeron_async_add_subscription_t* adding = nullptr;
    must(::aeron_async_add_subscription(&adding, client_, kChannel, stream, nullptr, nullptr, nullptr, nullptr));
    wait_until([&] {
      const int result = ::aeron_async_add_subscription_poll(&subscription_, adding);
      must(result);
      return result > 0;
    });
  }

  void publish(std::int32_t stream) {
    aeron_async_add_exclusive_publication_t* adding = nullptr;
    must(::aeron_async_add_exclusive_publication(&adding, client_, kChannel, stream));
    wait_until([&] {
      const int result = ::aeron_async_add_exclusive_publication_poll(&publication_, adding);
      must(result);
      return result > 0;
    });
  }

  void offer(const std::uint8_t* data, std::size_t size) {
    for (int looks = 1;; ++looks) {
      const std::int64_t verdict = ::aeron_exclusive_publication_offer(publication_, data, size, nullptr, nullptr);
      if (verdict >= 0) return;
      if (!may_be_offered_again(verdict)) give_up(std::string("an offer failed: ") + ::aeron_errmsg());
      if (looks % kLooks == 0) std::this_thread::yield();
    }
  }

  /// Whether something has come.
  bool poll(aeron_fragment_handler_t handler, std::size_t fragments) {
    const int count = ::aeron_subscription_poll(subscription_, handler, this, fragments);
    must(count);
    return count > 0;
  }

  template <class HasCome>
  void await(HasCome has_come) {
    for (std::uint64_t spin_until = 0;;) {
      for (int i = 0; i < kLooks; ++i) {
        if (has_come()) return;
      }
      const std::uint64_t now = monotonic_ns();
      if (spin_until == 0) spin_until = now + static_cast<std::uint64_t>(std::chrono::nanoseconds(kSpin).count());
      if (now < spin_until) {
        std::this_thread::yield();  // the other side may have this processor, too
        continue;
      }
      while (!has_come()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      return;
    }
  }

  aeron_context_t* context_ = nullptr;
  aeron_t* client_ = nullptr;
  aeron_subscription_t* subscription_ = nullptr;
  aeron_exclusive_publication_t* publication_ = nullptr;
  std::string received_;
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role == Role::broker) become_aeron_driver();
  if (setup.role != Role::echo && setup.role != Role::ping) give_up("Aeron plays broker, echo and ping");
  AeronLink link(setup);
  play(link, setup);
}
