#include "bench/peers/asio_link.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "bench/peers/roles.hpp"

namespace distflow::bench {
namespace {

using asio::ip::tcp;

constexpr std::size_t kHeaderSize = 4;
constexpr std::size_t kWriteSize = 64 * 1024;
constexpr std::size_t kGatheredMax = 256 * 1024;
constexpr std::size_t kReceiveSize = 256 * 1024;
constexpr std::uint64_t kSpinNs = std::chrono::nanoseconds(kSpin).count();

std::uint32_t big_endian(std::uint32_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}

/// TCP_CONGESTION of tcp(7) in the form of Asio's SettableSocketOption.
class Congestion {
 public:
  explicit Congestion(const std::string& name) : name_(name) {}
  template <class Protocol>
  [[nodiscard]] int level(const Protocol&) const {
    return IPPROTO_TCP;
  }
  template <class Protocol>
  [[nodiscard]] int name(const Protocol&) const {
    return TCP_CONGESTION;
  }
  template <class Protocol>
  [[nodiscard]] const char* data(const Protocol&) const {
    return name_.c_str();
  }
  template <class Protocol>
  [[nodiscard]] std::size_t size(const Protocol&) const {
    return name_.size();
  }

 private:
  const std::string& name_;
};

void must(const std::error_code& error) {
  // The other end goes first where the director ends a pair.
  if (error == asio::error::eof || error == asio::error::connection_reset) std::exit(0);
  if (error) give_up(error.message());
}

}  // namespace

AsioLink::AsioLink(const Setup& setup) : spins_(setup.spins), received_(kReceiveSize) {
  if (listens(setup.role)) {
    listen(setup.congestion);
  } else {
    connect(setup.connect, setup.congestion);
  }
  socket_.set_option(tcp::no_delay(true));
}

void AsioLink::listen(const std::string& congestion) {
  tcp::acceptor acceptor(context_);
  acceptor.open(tcp::v4());
  if (!congestion.empty()) acceptor.set_option(Congestion(congestion));
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  acceptor.listen();
  tell_ready("127.0.0.1:" + std::to_string(acceptor.local_endpoint().port()));
  acceptor.accept(socket_);
}

void AsioLink::connect(const std::string& address, const std::string& congestion) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos) give_up("--connect takes HOST:PORT");
  const auto port = static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1));
  socket_.open(tcp::v4());
  if (!congestion.empty()) socket_.set_option(Congestion(congestion));
  socket_.connect({asio::ip::make_address_v4(address.substr(0, colon)), port});
}

void AsioLink::send(std::string_view payload) {
  while (gathered_.size() >= kGatheredMax) run_some();
  const std::uint32_t header = big_endian(static_cast<std::uint32_t>(payload.size()));
  const std::size_t at = gathered_.size();
  gathered_.resize(at + kHeaderSize + payload.size());
  std::memcpy(gathered_.data() + at, &header, kHeaderSize);
  std::memcpy(gathered_.data() + at + kHeaderSize, payload.data(), payload.size());
  if (!writes_ && gathered_.size() >= kWriteSize) start_write();
}

void AsioLink::flush() {
  if (!writes_) start_write();
  while (writes_) run_some();
}

void AsioLink::start_write() {
  if (gathered_.empty()) return;
  writes_ = true;
  leaving_.swap(gathered_);
  gathered_.clear();
  asio::async_write(socket_, asio::buffer(leaving_), [this](const std::error_code& error, std::size_t) {
    must(error);
    writes_ = false;
    start_write();
  });
}

void AsioLink::start_read() {
  std::memmove(received_.data(), received_.data() + read_, filled_ - read_);
  filled_ -= read_;
  read_ = 0;
  if (filled_ >= kHeaderSize) received_.resize(std::max(received_.size(), frame_size()));
  reads_ = true;
  socket_.async_read_some(asio::buffer(received_.data() + filled_, received_.size() - filled_),
                          [this](const std::error_code& error, std::size_t size) {
                            must(error);
                            filled_ += size;
                            reads_ = false;
                          });
}

void AsioLink::run_some() {
  if (spins_) {
    do {
      if (context_.poll_one() > 0) {
        last_work_ns_ = monotonic_ns();
        return;
      }
    } while (monotonic_ns() - last_work_ns_ < kSpinNs);
  }
  context_.run_one();
  last_work_ns_ = monotonic_ns();
}

std::size_t AsioLink::frame_size() const {
  std::uint32_t header = 0;
  std::memcpy(&header, received_.data() + read_, kHeaderSize);
  return kHeaderSize + big_endian(header);
}

bool AsioLink::has_frame() const {
  const std::size_t size = filled_ - read_;
  return size >= kHeaderSize && size >= frame_size();
}

std::string_view AsioLink::take_frame() {
  const std::string_view frame(received_.data() + read_, frame_size());
  read_ += frame.size();
  return frame.substr(kHeaderSize);
}

std::string_view AsioLink::receive() {
  while (!has_frame()) {
    if (!reads_) start_read();
    run_some();
  }
  return take_frame();
}

/// Answers all that has come before it writes.
void AsioLink::answer() {
  send(receive());
  while (has_frame()) send(take_frame());
  if (!writes_) start_write();
}

/// Asio's own waits are of whole milliseconds, so that it is asked for what is ready, and the socket for the rest: a
/// read may have ended as it was started, and then the socket has nothing to say.
bool AsioLink::receive_until(std::uint64_t deadline_ns) {
  while (!has_frame()) {
    if (!reads_) start_read();
    if (context_.poll_one() > 0) continue;
    if (spins_ ? monotonic_ns() >= deadline_ns : !readable_before(socket_.native_handle(), deadline_ns)) return false;
  }
  take_frame();
  return true;
}

std::vector<std::uint64_t> AsioLink::pace(const Block& block, std::string_view payload) {
  return pace_alone(*this, block, payload);
}

}  // namespace distflow::bench
