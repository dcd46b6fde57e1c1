#include "stream/handshake_log.hpp"

#include <algorithm>
#include <cinttypes>
#include <new>
#include <string>
#include <system_error>

#include "base/error_text.hpp"

namespace distflow::stream {
namespace {

using base::LogLevel;

/// FNV-1a. Who finds two peers of one hash has a warning about itself left out.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) {
      value_ = (value_ ^ static_cast<unsigned char>(byte)) * 1'099'511'628'211U;
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_ | 1; }  // never 0

 private:
  std::uint64_t value_ = 14'695'981'039'346'656'037U;
};

std::uint64_t hash_of(Role role, const RemoteEnd& remote, const Error& why) {
  Hash hash;
  const char kind[] = {static_cast<char>(role), static_cast<char>(remote.address.family)};
  hash.add({kind, sizeof kind});
  hash.add({reinterpret_cast<const char*>(remote.address.bytes.data()), remote.address.bytes.size()});
  hash.add(remote.name);
  const int code = why.code.value();
  hash.add({reinterpret_cast<const char*>(&code), sizeof code});
  const auto category = reinterpret_cast<std::uintptr_t>(&why.code.category());  // what it means: one object each
  hash.add({reinterpret_cast<const char*>(&category), sizeof category});
  return hash.value();
}

/// An accepter's peer by its host, as the port is of that connection alone.
std::string text_of(Role role, const RemoteEnd& remote) {
  if (role == Role::accepter) return remote.address.host() + ", which has connected to here,";
  std::string text = remote.address.to_string();
  return remote.name.empty() ? text : (text += ", for ").append(remote.name).append(",");
}

}  // namespace

bool HandshakeLog::is_known(std::uint64_t failure) const { return std::ranges::find(known_, failure) != known_.end(); }

void HandshakeLog::tell_failed(Role role, const RemoteEnd& remote, const Error& why, base::Instant now) noexcept {
  const std::uint64_t failure = hash_of(role, remote, why);
  const bool is_first = !is_known(failure);
  const LogLevel level = is_first ? LogLevel::warn : LogLevel::debug;
  if (!log_.is_enabled(level)) return;
  const auto left_out = (is_first ? warnings_ : debug_lines_).admit(now);
  if (!left_out) return;
  if (is_first) {
    known_.at(next_) = failure;
    next_ = (next_ + 1) % known_.size();
  }
  if (*left_out > 0) log_.write(level, "%" PRIu64 " lines about failed handshakes were left out before", *left_out);
  std::string peer;
  try {
    peer = text_of(role, remote);
  } catch (const std::bad_alloc&) {  // the line goes without
  }
  log_.write(level,
             "the handshake with %s failed (%s), and its connection is closed. Check that both sides have the same "
             "layer over their sockets, and that each accepts what the other proves who it is with; the counter "
             "handshakes_failed has all of them",
             peer.empty() ? "a peer" : peer.c_str(), base::ErrorText(why).c_str());
}

}  // namespace distflow::stream
