// Asks Linux's sock_diag, over one netlink socket: a question out, its answer in, before the call returns.
//
// One thread at a time. The kernel works a question out while it is sent, so that the answer is there when the send has
// returned, and the thread does not sleep. Waiting is for a kernel that does otherwise.
//   1. A question waits for at most kOwnerLookupMax, and reads at most kReadsMax times, at most kAnswerSizeMax bytes
//      each.
//      Not within this bound is the kernel's own work: where tcp_diag is a module that nobody has used yet, the first
//      question has the kernel load it.
//   2. An answer belongs to the question of its sequence number. What an earlier question has left in the queue is read
//      and dropped: a question that failed harms none after it.
//   3. Only the kernel can answer: the socket is connected to it, and what other processes send to it is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <distflow/result.hpp>

#include "io/linux/sock_diag.hpp"
#include "io/posix/descriptor.hpp"

namespace distflow::io {

class SockDiagSocket {
 public:
  static constexpr std::size_t kAnswerSizeMax = 1024;  // of answers of 124 bytes (Linux 6.18)
  static constexpr int kReadsMax = 64;

  /// Opens the socket and tries it once. An error where the system has no sock_diag for TCP, or forbids it.
  static Result<SockDiagSocket> open();

  /// `socket` is a datagram socket, connected to who answers.
  explicit SockDiagSocket(posix::Descriptor socket, std::uint32_t overflow_uid = sock_diag::kOverflowUid)
      : socket_(std::move(socket)), overflow_uid_(overflow_uid) {}

  /// Whether this kernel answers questions, or the error with which it does not.
  [[nodiscard]] Result<void> probe() noexcept;
  /// The owner of the peer's end; no_answer where the kernel gave none that can be read.
  [[nodiscard]] PeerOwner ask(const sock_diag::Question& question) noexcept;

  [[nodiscard]] int fd() const { return socket_.get(); }

 private:
  /// Sends the request and reads until `decode(datagram)` has a value, which this returns.
  template <class T, class Decode>
  [[nodiscard]] Result<T> exchange(const sock_diag::Request& request, Decode decode) noexcept;

  posix::Descriptor socket_;
  std::uint32_t overflow_uid_;
  std::uint32_t sequence_ = 0;
};

}  // namespace distflow::io
