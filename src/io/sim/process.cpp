#include "io/sim/process.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io::sim {
namespace {

/// 2026-01-01, in ms since the Unix epoch: any day will do.
constexpr base::WallMs kWallStart = 1'767'225'600'000;
/// What a turn costs, so that time passes for a process that never waits.
constexpr base::Duration kTurnCost = std::chrono::microseconds(1);
/// That a late event comes with the wait that is ending.
constexpr double kLateEventChance = 0.25;

}  // namespace

Process::Process(Network& network, Pace pace)
    : network_(network), id_(network.next_process_id()), pace_(pace), random_(network.random().next()) {}

Process::~Process() { DF_ASSERT(open_count() == 0); }

std::size_t Process::open_count() const {
  return static_cast<std::size_t>(
      std::count_if(sockets_.begin(), sockets_.end(), [](const Socket& s) { return s.kind != Socket::Kind::free; }));
}

void Process::jump_clocks(base::Duration monotonic, base::WallMs wall) {
  clock_ahead_ += monotonic;
  wall_ahead_ += wall;
  sleeps_until_ -= std::min(monotonic, sleeps_until_ - network_.now());
}

base::WallMs Process::wall_ms() const {
  return kWallStart + wall_ahead_ + (network_.now() - base::Instant{}) / base::milliseconds(1);
}

void Process::fill_random(std::span<std::byte> out) {
  for (std::byte& byte : out) byte = static_cast<std::byte>(random_.next() >> 56U);
}

// ---- Readiness.

void Process::add(int fd, std::uint64_t token) {
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  socket.is_watched = true;
  socket.edge = {.token = token};
  if (socket.kind != Socket::Kind::stream) return;
  const Stream& stream = network_.stream(socket.end.stream);
  const Pipe& incoming = stream.pipes[socket.end.other().side];
  if (incoming.readable() > 0 || incoming.has_end || stream.ends[socket.end.side].is_reset) {
    notify(fd, {.can_read = true, .has_ended = incoming.has_end || stream.ends[socket.end.side].is_reset});
  }
}

void Process::remove(int fd) noexcept {
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (socket.is_watched && network_.strikes(Fault::late_event)) late_.push_back(socket.edge.token);
  socket.is_watched = false;
}

void Process::notify(int fd, Readiness edge) {
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (!socket.is_watched) return;
  socket.edge.can_read |= edge.can_read;
  socket.edge.can_write |= edge.can_write;
  socket.edge.has_ended |= edge.has_ended;
  if (!std::exchange(socket.is_ready, true)) ready_.push_back(fd);
}

void Process::wake() noexcept {
  wakes_.fetch_add(1, std::memory_order_release);
  wakes_.notify_one();
}

std::size_t Process::wait(base::Duration timeout, std::span<Readiness> out) {
  draw_faults();
  const bool has_events = !ready_.empty() || was_woken_ || wakes_.load(std::memory_order_acquire) > 0;
  is_asleep_ = !has_events && timeout > base::Duration::zero();
  sleeps_until_ = base::saturating_add(network_.now(), timeout);
  if (is_severed_) {
    if (is_asleep_) clock_ahead_ += std::min<base::Duration>(timeout, base::seconds(60));
    is_asleep_ = false;
  } else if (pace_ == Pace::alone) {
    pass_time(timeout);
  }
  was_woken_ |= wakes_.exchange(0, std::memory_order_acquire) > 0;
  return take_ready(out);
}

/// Alone: lets time jump until there is an event, a wake-up, or the wait's end.
void Process::pass_time(base::Duration timeout) {
  network_.run_until(network_.now() + kTurnCost);
  const base::Instant end = base::saturating_add(network_.now(), timeout);
  while (ready_.empty() && wakes_.load(std::memory_order_acquire) == 0 && network_.now() < end) {
    const base::Instant next = std::min(network_.next_event(), end);
    if (next == base::kNever) {
      wakes_.wait(0, std::memory_order_acquire);  // for another thread
    } else {
      network_.run_until(next);
    }
  }
}

void Process::draw_faults() {
  was_woken_ = network_.strikes(Fault::spurious_wake);
  if (sockets_.empty() || is_severed_ || !network_.strikes(Fault::spurious_readiness)) return;
  const auto fd = static_cast<int>(random_.uniform(sockets_.size()));
  const Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  // A stream that has not connected is never reported as ready: that would be its outcome.
  const bool is_pending =
      socket.kind == Socket::Kind::stream && network_.stream(socket.end.stream).outcome == Outcome::pending;
  if (!is_pending) notify(fd, {.can_read = true, .can_write = true});
}

std::size_t Process::take_ready(std::span<Readiness> out) {
  std::size_t count = 0;
  for (; count < out.size() && !late_.empty() && random_.chance(kLateEventChance); late_.pop_back()) {
    out[count++] = {.token = late_.back(), .can_read = true, .can_write = true, .has_ended = true};
  }
  for (; count < out.size() && !ready_.empty(); ready_.pop_front()) {
    Socket& socket = sockets_[static_cast<std::size_t>(ready_.front())];
    if (!std::exchange(socket.is_ready, false) || !socket.is_watched) continue;
    out[count++] = std::exchange(socket.edge, {.token = socket.edge.token});
  }
  return count;
}

// ---- Sockets.

Result<int> Process::open(Socket::Kind kind, const char* doing) {
  if (is_severed_) return posix::error_of(ENETDOWN, doing);
  if (open_count() >= descriptors_max_) {
    network_.count(Fault::no_descriptors);
    return posix::error_of(EMFILE, doing);
  }
  std::size_t fd = 0;
  while (fd < sockets_.size() && sockets_[fd].kind != Socket::Kind::free) ++fd;
  if (fd == sockets_.size()) sockets_.emplace_back();
  const bool is_ready = sockets_[fd].is_ready;  // the list still has its predecessor
  sockets_[fd] = Socket{};
  sockets_[fd].is_ready = is_ready;
  sockets_[fd].kind = kind;
  return static_cast<int>(fd);
}

Result<int> Process::open_listener(const Address& address, const ListenOptions& options) {
  Address bound = address;
  if (bound.port == 0) bound.port = network_.next_port();
  if (network_.find_listener(bound) != nullptr) return posix::error_of(EADDRINUSE, "binding a listening socket");
  const Result<int> fd = open(Socket::Kind::listener, "opening a listening socket");
  if (!fd) return fd;
  Socket& socket = sockets_[static_cast<std::size_t>(*fd)];
  socket.address = bound;
  socket.backlog_max = options.backlog;
  network_.add_listener({bound, this, *fd});
  network_.trace("p%u listens at port %u", id_, bound.port);
  return fd;
}

Result<int> Process::open_connecting(const Address& address) {
  const Result<int> fd = open(Socket::Kind::stream, "opening a socket");
  if (fd) sockets_[static_cast<std::size_t>(*fd)].end = network_.connect(*this, *fd, address);
  return fd;
}

Result<void> Process::connect_outcome(int fd) {
  if (is_severed_) return posix::error_of(ECONNRESET, "connecting");
  const Stream& stream = network_.stream(sockets_[static_cast<std::size_t>(fd)].end.stream);
  DF_ASSERT(stream.outcome != Outcome::pending);  // a system would call it an error
  if (stream.outcome == Outcome::refused) return posix::error_of(ECONNREFUSED, "connecting");
  return {};
}

bool Process::has_room_for_dial(int listener) const {
  const Socket& socket = sockets_[static_cast<std::size_t>(listener)];
  return socket.backlog.size() < socket.backlog_max;
}

void Process::take_dial(int listener, EndId accepted) {
  sockets_[static_cast<std::size_t>(listener)].backlog.push_back(accepted);
  notify(listener, {.can_read = true});
}

Result<int> Process::accept_stream(int listener, Address& peer) {
  constexpr const char* doing = "accepting a connection";
  std::deque<EndId>& backlog = sockets_[static_cast<std::size_t>(listener)].backlog;
  if (is_severed_ || backlog.empty()) return posix::error_of(EAGAIN, doing);
  if (network_.strikes(Fault::interrupted)) return posix::error_of(EINTR, doing);
  const EndId end = backlog.front();
  if (network_.strikes(Fault::aborted_accept)) {
    backlog.pop_front();
    network_.close(end);
    return posix::error_of(ECONNABORTED, doing);
  }
  const Result<int> fd = open(Socket::Kind::stream, doing);  // may move the backlog
  if (!fd) return fd;
  sockets_[static_cast<std::size_t>(listener)].backlog.pop_front();
  sockets_[static_cast<std::size_t>(*fd)].end = end;
  network_.accept(end, *this, *fd);
  peer = network_.stream(end.stream).ends[0].address;
  return fd;
}

Result<Address> Process::local_address(int fd) {
  const Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (socket.kind == Socket::Kind::listener) return socket.address;
  if (is_severed_) return posix::error_of(ENOTCONN, "asking for a socket's address");
  return network_.stream(socket.end.stream).ends[socket.end.side].address;
}

std::ptrdiff_t Process::receive(int fd, char* out, std::size_t size) {
  if (is_severed_) return fail(ECONNRESET);
  if (network_.strikes(Fault::interrupted)) return fail(EINTR);
  return network_.receive(sockets_[static_cast<std::size_t>(fd)].end, out, size);
}

std::ptrdiff_t Process::send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset) {
  if (is_severed_) return fail(EPIPE);
  if (network_.strikes(Fault::interrupted)) return fail(EINTR);
  return network_.send(sockets_[static_cast<std::size_t>(fd)].end, pieces, offset);
}

void Process::discard_received(int fd) {
  const Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (!is_severed_ && socket.kind == Socket::Kind::stream) network_.discard(socket.end);
}

void Process::end_sending(int fd) {
  if (!is_severed_) network_.end_sending(sockets_[static_cast<std::size_t>(fd)].end);
}

void Process::close_fd(int fd) {
  Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (!is_severed_) sever_socket(socket, Severance::killed);
  socket.kind = Socket::Kind::free;
  socket.is_watched = false;
}

/// As sock_diag answers (io/linux/sock_diag.hpp).
PeerOwner Process::owner_of_peer(int fd) const {
  const Socket& socket = sockets_[static_cast<std::size_t>(fd)];
  if (!user_.is_known()) return user_;
  if (is_severed_ || socket.kind != Socket::Kind::stream) return PeerOwner::unknown(OwnerStatus::not_connected);
  return network_.owner_of(socket.end.other());
}

// ---- Memory.

Result<SharedMemory> Process::create_memory(std::size_t size) {
  if (is_severed_ || network_.strikes(Fault::no_memory)) return posix::error_of(ENOMEM, "creating shared memory");
  network_.trace("p%u creates memory", id_);
  return network_.create_memory(id_, size);
}

Result<SharedMemory> Process::open_memory(std::string_view name, std::size_t size) {
  if (is_severed_ || network_.strikes(Fault::no_memory)) return posix::error_of(ENOMEM, "opening shared memory");
  network_.trace("p%u opens memory", id_);
  return network_.open_memory(name, size);
}

/// Ends what the system knows of a socket.
void Process::sever_socket(Socket& socket, Severance how) {
  const auto end = [&](EndId id) { how == Severance::killed ? network_.close(id) : network_.silence(id); };
  if (socket.kind == Socket::Kind::listener) {
    network_.remove_listener(*this, static_cast<int>(&socket - sockets_.data()));
    for (const EndId waiting : socket.backlog) end(waiting);
    socket.backlog.clear();
  } else if (socket.kind == Socket::Kind::stream) {
    end(socket.end);
  }
}

void Process::sever(Severance how) {
  DF_ASSERT(!is_severed_);
  network_.trace("p%u is %s", id_, how == Severance::killed ? "killed" : "gone");
  for (Socket& socket : sockets_) sever_socket(socket, how);
  is_severed_ = true;
  for (std::size_t fd = 0; fd < sockets_.size(); ++fd) {
    if (sockets_[fd].kind == Socket::Kind::free) continue;
    notify(static_cast<int>(fd), {.can_read = true, .can_write = true, .has_ended = true});
  }
}

}  // namespace distflow::io::sim
