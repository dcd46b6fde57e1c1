// nng as a contestant: PAIR over TCP, for one way and for round trips; with --requests REQ and REP.
//
//     bench_peer_nng echo|sink|source|ping ...
//     bench_peer_nng echo|ping --requests ...
//
// Settings, by their names in nng_options(5), nng_tcp_options(5) and nng_sendmsg(3), the best of those measured:
//   nng_pair(7)                                PUSH and PULL carried a fifth of the messages
//   NNG_OPT_SENDBUF, NNG_OPT_RECVBUF = 1024    messages; fewer, and the most that is allowed, 8192, were slower
//   NNG_OPT_TCP_NODELAY                        on, which is the default
//   nng_sendmsg, nng_recvmsg                   hand messages over instead of copying them
// Each message is a system call of its own: nng gathers nothing. --spin and --congestion have no counterpart.
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>

#include <cstring>

#include "bench/peers/roles.hpp"

namespace distflow::bench {
namespace {

constexpr int kBuffered = 1024;

void must(int error) {
  if (error != 0) give_up(::nng_strerror(error));
}

nng_socket open_socket(const Setup& setup) {
  nng_socket socket = NNG_SOCKET_INITIALIZER;
  if (!setup.has("--requests")) {
    must(::nng_pair0_open(&socket));
    must(::nng_socket_set_int(socket, NNG_OPT_SENDBUF, kBuffered));
    must(::nng_socket_set_int(socket, NNG_OPT_RECVBUF, kBuffered));
  } else if (setup.role == Role::echo) {
    must(::nng_rep0_open(&socket));
  } else {
    must(::nng_req0_open(&socket));
  }
  return socket;
}

class NngLink {
 public:
  explicit NngLink(const Setup& setup) : socket_(open_socket(setup)) {
    if (listens(setup.role)) {
      listen();
    } else {
      must(::nng_dial(socket_, setup.connect.c_str(), nullptr, 0));
    }
  }
  NngLink(const NngLink&) = delete;
  NngLink& operator=(const NngLink&) = delete;
  ~NngLink() {
    ::nng_msg_free(received_);
    ::nng_close(socket_);
  }

  void send(std::string_view payload) {
    nng_msg* message = nullptr;
    must(::nng_msg_alloc(&message, payload.size()));
    std::memcpy(::nng_msg_body(message), payload.data(), payload.size());
    must(::nng_sendmsg(socket_, message, 0));
  }

  void flush() {}

  std::string_view receive() {
    receive_message();
    return {static_cast<const char*>(::nng_msg_body(received_)), ::nng_msg_len(received_)};
  }

  void answer() {
    receive_message();
    must(::nng_sendmsg(socket_, received_, 0));
    received_ = nullptr;
  }

  bool receive_until(std::uint64_t deadline_ns) {
    // Asked for here only: nng writes to it at every message from then on.
    if (readable_fd_ < 0) must(::nng_socket_get_int(socket_, NNG_OPT_RECVFD, &readable_fd_));
    if (!readable_before(readable_fd_, deadline_ns)) return false;
    receive_message();
    return true;
  }

  std::vector<std::uint64_t> pace(const Block& block, std::string_view payload) {
    return pace_alone(*this, block, payload);
  }

 private:
  void receive_message() {
    ::nng_msg_free(received_);
    received_ = nullptr;
    must(::nng_recvmsg(socket_, &received_, 0));
  }

  void listen() {
    nng_listener listener = NNG_LISTENER_INITIALIZER;
    must(::nng_listen(socket_, "tcp://127.0.0.1:0", &listener, 0));
    int port = 0;
    must(::nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port));
    tell_ready("tcp://127.0.0.1:" + std::to_string(port));
  }

  const nng_socket socket_;
  int readable_fd_ = -1;
  nng_msg* received_ = nullptr;
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  const auto setup = distflow::bench::set_up(argc, argv);
  distflow::bench::NngLink link(setup);
  distflow::bench::play(link, setup);
}
