// NATS as a contestant: nats-server as the broker, libnats (cnats) at both ends; one subject there and one back.
//
//     bench_peer_nats broker
//     bench_peer_nats echo|sink|source|ping --broker HOST:PORT ...
//     bench_peer_nats echo|ping --requests ...             natsConnection_Request, and a publication to its reply
//     subject bench_peer_nats sink|source --published ...          one subject for all
//
// Settings, by their names in nats.h, the best of those measured; the server's are with become_nats_server():
//   natsOptions_SetIOBufSize = 128 KiB               four times the default
//   natsConnection_Publish, buffered                 one way; natsConnection_Flush at a block's end
//   natsOptions_SetSendAsap                          for round trips: nothing is buffered
//   natsConnection_SubscribeSync, _NextMsg           a thread less on the way than callbacks, and as fast one way
//   natsSubscription_SetPendingLimits = -1, -1       no limit: nothing is dropped
// --spin and --congestion have no counterpart.
#include <nats/nats.h>
#include <unistd.h>

#include <ctime>
#include <thread>

#include "bench/peers/nats_broker.hpp"
#include "bench/peers/roles.hpp"

namespace distflow::bench {
namespace {

constexpr int kBufferSize = 128 * 1024;
constexpr std::int64_t kPatienceMs = 60'000;

void must(natsStatus status) {
  if (status != NATS_OK) give_up(::natsStatus_GetText(status));
}

void sleep_until(std::uint64_t ns) {
  const timespec instant{.tv_sec = static_cast<std::time_t>(ns / 1'000'000'000),
                         .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &instant, nullptr);
}

class NatsLink {
 public:
  explicit NatsLink(const Setup& setup)
      : there_(subject_of(setup)),
        back_(there_ + ".back"),
        is_asked_(setup.has("--requests")),
        sends_asap_(setup.role == Role::echo || setup.role == Role::ping) {
    connect(setup.broker);
    if (listens(setup.role)) subscribe(there_);
    if (setup.role == Role::ping && !is_asked_) subscribe(back_);
    must(::natsConnection_Flush(connection_));  // the server knows of the subscription
    if (listens(setup.role)) tell_ready(there_);
  }
  NatsLink(const NatsLink&) = delete;
  NatsLink& operator=(const NatsLink&) = delete;
  ~NatsLink() {
    ::natsMsg_Destroy(received_);
    ::natsSubscription_Destroy(subscription_);
    ::natsConnection_Destroy(connection_);
    ::nats_Close();
  }

  /// A request waits here for its reply.
  void send(std::string_view payload) {
    if (!is_asked_) return publish(there_, payload);
    ::natsMsg_Destroy(received_);
    received_ = nullptr;
    must(::natsConnection_Request(&received_, connection_, there_.c_str(), payload.data(),
                                  static_cast<int>(payload.size()), kPatienceMs));
  }

  void flush() {
    if (!sends_asap_) must(::natsConnection_Flush(connection_));
  }

  std::string_view receive() {
    return is_asked_ && subscription_ == nullptr ? received() : receive_from_subscription();
  }

  void answer() {
    const std::string_view payload = receive_from_subscription();
    publish(is_asked_ ? ::natsMsg_GetReply(received_) : back_.c_str(), payload);
  }

  std::string_view receive_from_subscription() {
    ::natsMsg_Destroy(received_);
    received_ = nullptr;
    natsStatus status = NATS_TIMEOUT;
    while (status == NATS_TIMEOUT) status = ::natsSubscription_NextMsg(&received_, subscription_, kPatienceMs);
    must(status);
    return received();
  }

  /// With a thread that receives: the library's waits are of whole milliseconds.
  std::vector<std::uint64_t> pace(const Block& block, std::string_view payload) {
    const Plan plan(block);
    std::vector<std::uint64_t> round_trips;
    round_trips.reserve(block.count);
    std::thread receiver([&] {
      for (std::uint64_t i = 0; i < block.count; ++i) {
        receive();
        round_trips.push_back(monotonic_ns() - plan.instant_ns(i));
      }
    });
    for (std::uint64_t i = 0; i < block.count; ++i) {
      sleep_until(plan.instant_ns(i));
      send(payload);
    }
    receiver.join();
    return round_trips;
  }

 private:
  static std::string subject_of(const Setup& setup) {
    if (setup.has("--published")) return "bench.published";  // the broker is this contest's own
    return listens(setup.role) ? "bench." + std::to_string(::getpid()) : setup.connect;
  }

  [[nodiscard]] std::string_view received() const {
    return {::natsMsg_GetData(received_), static_cast<std::size_t>(::natsMsg_GetDataLength(received_))};
  }

  void connect(const std::string& broker) {
    natsOptions* options = nullptr;
    must(::natsOptions_Create(&options));
    must(::natsOptions_SetURL(options, ("nats://" + broker).c_str()));
    must(::natsOptions_SetAllowReconnect(options, false));
    must(::natsOptions_SetIOBufSize(options, kBufferSize));
    must(::natsOptions_SetSendAsap(options, sends_asap_));
    must(::natsConnection_Connect(&connection_, options));
    ::natsOptions_Destroy(options);
  }

  void subscribe(const std::string& subject) {
    must(::natsConnection_SubscribeSync(&subscription_, connection_, subject.c_str()));
    must(::natsSubscription_SetPendingLimits(subscription_, -1, -1));
  }

  void publish(const std::string& subject, std::string_view payload) { publish(subject.c_str(), payload); }
  void publish(const char* subject, std::string_view payload) {
    must(::natsConnection_Publish(connection_, subject, payload.data(), static_cast<int>(payload.size())));
  }

  const std::string there_;
  const std::string back_;
  const bool is_asked_;  // requests, in place of a subject there and one back
  const bool sends_asap_;
  natsConnection* connection_ = nullptr;
  natsSubscription* subscription_ = nullptr;
  natsMsg* received_ = nullptr;
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  const auto setup = distflow::bench::set_up(argc, argv);
  if (setup.role == distflow::bench::Role::broker) distflow::bench::become_nats_server();
  distflow::bench::NatsLink link(setup);
  distflow::bench::play(link, setup);
}
