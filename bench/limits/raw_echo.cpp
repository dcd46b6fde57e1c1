// The limit of many connections: one epoll loop that sends every frame back to where it came from.
//
//     bench_raw_echo echo [--payload N] [--spin] [--pin CPU] [--congestion NAME]
//
// Frames are distflow's: four bytes of length, then the body. One recv and one send for each ready connection, no
// allocation. --payload bounds the frames. Ends with SIGTERM; connections come and go as they like.
//
// A client must read what it is owed: while there is no room to send to one, all wait.
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bench/limits/frame_template.hpp"
#include "bench/limits/raw_socket.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kConnectionsMax = 12'000;
constexpr std::size_t kDescriptorsMax = kConnectionsMax + 64;
constexpr std::size_t kReceiveSize = 64 * 1024;
constexpr std::uint64_t kSpinNs = std::chrono::nanoseconds(kSpin).count();

class EchoServer {
 public:
  explicit EchoServer(const Setup& setup)
      : frame_size_max_(kFrameSizeMin + setup.payload_size + 64),
        spins_(setup.spins),
        listener_(open_listener(setup, Family::tcp)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        buffer_(frame_size_max_ + kReceiveSize),
        rests_(std::make_unique_for_overwrite<char[]>(kDescriptorsMax * frame_size_max_)) {
    watch(listener_.fd());
    tell_ready(address_of(listener_));
  }

  [[noreturn]] void serve() {
    for (;;) {
      std::array<epoll_event, 256> events;
      const int count = ::epoll_wait(epoll_.fd(), events.data(), static_cast<int>(events.size()), timeout_ms());
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == listener_.fd()) {
          accept_one();
        } else if (!echo(fd)) {
          ::close(fd);
        }
      }
      if (spins_ && count > 0) last_work_ns_ = monotonic_ns();
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, fd, &event) != 0) give_up("epoll takes no more descriptors");
  }

  [[nodiscard]] int timeout_ms() const { return spins_ && monotonic_ns() - last_work_ns_ < kSpinNs ? 0 : -1; }

  void accept_one() {
    const int fd = ::accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE) give_up("the system allows too few descriptors");
      return;
    }
    if (static_cast<std::size_t>(fd) >= kDescriptorsMax) {
      ::close(fd);
      return;
    }
    set_no_delay(fd);
    rest_sizes_[static_cast<std::size_t>(fd)] = 0;
    watch(fd);
  }

  /// False at the connection's end.
  [[nodiscard]] bool echo(int fd) {
    const auto place = static_cast<std::size_t>(fd);
    char* const rest = rests_.get() + place * frame_size_max_;
    std::size_t filled = rest_sizes_[place];
    if (filled > 0) std::memcpy(buffer_.data(), rest, filled);
    const ssize_t got = ::recv(fd, buffer_.data() + filled, kReceiveSize, MSG_DONTWAIT);
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    filled += static_cast<std::size_t>(got);
    const std::size_t whole = whole_frames({buffer_.data(), filled});
    const std::size_t left = filled - whole;
    if (left >= frame_size_max_) return false;
    if (left > 0) std::memcpy(rest, buffer_.data() + whole, left);
    rest_sizes_[place] = static_cast<std::uint32_t>(left);
    return send_all(fd, {buffer_.data(), whole});
  }

  /// How many bytes the whole frames have.
  static std::size_t whole_frames(std::string_view bytes) {
    std::size_t at = 0;
    while (bytes.size() - at >= kHeaderSize) {
      const std::size_t size = frame_size_at(bytes.data() + at);
      if (size > bytes.size() - at) break;
      at += size;
    }
    return at;
  }

  const std::size_t frame_size_max_;
  const bool spins_;
  const Socket listener_;
  const Socket epoll_;
  std::uint64_t last_work_ns_ = 0;
  std::vector<char> buffer_;
  const std::unique_ptr<char[]> rests_;  ///< for each descriptor, the beginning of a frame that is not whole yet
  std::array<std::uint32_t, kDescriptorsMax> rest_sizes_{};
};

void allow_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= kDescriptorsMax) return;
  limit.rlim_cur = std::min<rlim_t>(kDescriptorsMax, limit.rlim_max);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role != Role::echo) give_up("raw_echo plays echo");
  allow_descriptors();
  EchoServer(setup).serve();
}
