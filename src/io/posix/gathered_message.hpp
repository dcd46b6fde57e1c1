// The first pieces of a send in the form in which POSIX takes them.
//
// Must stay where it is until the system has read it. Left uninitialised up to what gather() fills.
// Use: GatheredMessage message; ::sendmsg(fd, &message.gather(pieces, offset), flags);
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

#include "io/operation.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io::posix {

class GatheredMessage {
 public:
  /// At most kPieceCountMax pieces, from `offset` bytes into the first on.
  const msghdr& gather(std::span<const Piece> pieces, std::size_t offset) noexcept {
    const std::size_t count = std::min(pieces.size(), vectors_.size());
    for (std::size_t i = 0; i < count; ++i) {
      // Sending does not write through iov_base.
      vectors_[i] = {const_cast<char*>(pieces[i].data()) + offset, pieces[i].size() - offset};
      offset = 0;
    }
    header_ = {};
    header_.msg_iov = vectors_.data();
    header_.msg_iovlen = static_cast<decltype(header_.msg_iovlen)>(count);
    return header_;
  }

 private:
  std::array<iovec, kPieceCountMax> vectors_;  // filled up to msg_iovlen
  msghdr header_;
};

}  // namespace distflow::io::posix
