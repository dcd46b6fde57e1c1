#include "io/linux/sock_diag_socket.hpp"

#include <fcntl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <optional>
#include <span>

#include "io/clock.hpp"
#include "io/posix/owned_descriptors.hpp"

namespace distflow::io {
namespace {

constexpr const char* kOpening = "opening a netlink socket to ask who owns a connection";
constexpr const char* kAsking = "asking the system who owns a connection";

/// The default where the system does not say.
std::uint32_t read_overflow_uid() noexcept {
  const posix::Descriptor file(
      posix::open_owned([] { return ::open("/proc/sys/kernel/overflowuid", O_RDONLY | O_CLOEXEC); }));
  std::array<char, 32> text{};
  const ssize_t size = file.get() < 0 ? -1 : ::read(file.get(), text.data(), text.size());
  std::uint32_t uid = sock_diag::kOverflowUid;
  if (size > 0) std::from_chars(text.data(), text.data() + size, uid);
  return uid;
}

/// Until there is something to read: 0; or an errno, ETIMEDOUT at the deadline.
int wait_readable(int fd, base::Instant deadline) noexcept {
  for (base::Instant now = system_now(); now < deadline; now = system_now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - now);
    pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready > 0) return 0;
    if (ready < 0 && errno != EINTR) return errno;
  }
  return ETIMEDOUT;
}

/// 0, or an errno. A datagram is sent whole or not at all.
int send_request(int fd, const sock_diag::Request& request) noexcept {
  constexpr int tries_max = 8;  // of a call that signals interrupt
  int error = EINTR;
  for (int i = 0; i < tries_max && error == EINTR; ++i) {
    error = ::send(fd, request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
  }
  return error;
}

}  // namespace

Result<SockDiagSocket> SockDiagSocket::open() {
  posix::Descriptor socket(posix::open_owned(
      [] { return ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG); }));
  if (socket.get() < 0) return posix::last_error(kOpening);
  sockaddr_nl kernel{};  // all zero: the kernel
  kernel.nl_family = AF_NETLINK;
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) != 0) {
    return posix::last_error(kOpening);
  }
  SockDiagSocket opened(std::move(socket), read_overflow_uid());
  if (Result<void> probed = opened.probe(); !probed) return probed.error();
  return opened;
}

Result<void> SockDiagSocket::probe() noexcept {
  const std::uint32_t sequence = ++sequence_;
  const auto decode = [&](std::span<const std::byte> datagram) { return sock_diag::decode_probe(datagram, sequence); };
  const Result<int> answer = exchange<int>(sock_diag::encode_probe(sequence), decode);
  if (!answer) return answer.error();
  return *answer == 0 ? Result<void>() : Result<void>(posix::error_of(*answer, kAsking));
}

PeerOwner SockDiagSocket::ask(const sock_diag::Question& question) noexcept {
  const std::optional<sock_diag::Question> asked = sock_diag::normalized(question);
  if (!asked) return PeerOwner::unknown(OwnerStatus::not_found);
  const std::uint32_t sequence = ++sequence_;
  const auto decode = [&](std::span<const std::byte> datagram) {
    return sock_diag::decode_answer(datagram, *asked, sequence, overflow_uid_);
  };
  return exchange<PeerOwner>(sock_diag::encode_question(*asked, sequence), decode)
      .value_or(PeerOwner::unknown(OwnerStatus::no_answer));
}

template <class T, class Decode>
Result<T> SockDiagSocket::exchange(const sock_diag::Request& request, Decode decode) noexcept {
  const base::Instant deadline = system_now() + kOwnerLookupMax;
  if (const int error = send_request(socket_.get(), request); error != 0) return posix::error_of(error, kAsking);
  std::array<std::byte, kAnswerSizeMax> buffer;  // filled by recv()
  bool is_answer_lost = false;
  for (int i = 0; i < kReadsMax; ++i) {
    // A datagram that does not fit is cut, and gives itself away by the length in its header.
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size >= 0) {
      const auto datagram = std::span<const std::byte>(buffer).first(static_cast<std::size_t>(size));
      if (const std::optional<T> answer = decode(datagram)) return *answer;
    } else if (errno == ENOBUFS) {
      is_answer_lost = true;  // the queue was full, and takes no answer before what it has kept is read
    } else if (errno == EAGAIN) {
      const int error = is_answer_lost ? ENOBUFS : wait_readable(socket_.get(), deadline);
      if (error != 0) return posix::error_of(error, kAsking);
    } else if (errno != EINTR) {
      return posix::last_error(kAsking);
    }
  }
  return posix::error_of(EBADMSG, kAsking);
}

}  // namespace distflow::io
