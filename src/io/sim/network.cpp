#include "io/sim/network.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "io/sim/process.hpp"

namespace distflow::io::sim {
namespace {

using base::milliseconds;

/// For so long a segment that did not get through waits before it is sent again.
constexpr base::Duration kRetransmission = milliseconds(200);
/// A listener's queue that is full is tried again after this.
constexpr base::Duration kDialAgain = base::seconds(1);

}  // namespace

Network::Network(const NetworkOptions& options)
    : options_(options), random_(options.seed), now_(base::seconds(1'000'000)) {}

Network::~Network() = default;

void Network::run_until(base::Instant then) {
  while (next_event() <= then) {
    const Event event = events_.top();
    events_.pop();
    now_ = std::max(now_, event.at);
    ++event_count_;
    deliver(event);
  }
  now_ = std::max(now_, then);
}

bool Network::strikes(Fault fault) {
  const double rate = rates_[fault];
  if (rate <= 0 || !random_.chance(rate)) return false;
  count(fault);
  return true;
}

void Network::trace(const char* format, ...) {
  if (!trace_) return;
  std::array<char, 512> line;  // filled up to `size`
  const auto since = (now_ - base::Instant{}).count();
  int size = std::snprintf(line.data(), line.size(), "%" PRId64 ".%09" PRId64 " ", std::int64_t{since / 1'000'000'000},
                           std::int64_t{since % 1'000'000'000});
  std::va_list arguments;
  va_start(arguments, format);
  size += std::vsnprintf(line.data() + size, line.size() - static_cast<std::size_t>(size), format, arguments);
  va_end(arguments);
  trace_({line.data(), std::min(static_cast<std::size_t>(size), line.size() - 1)});
}

Network::Listener* Network::find_listener(const Address& address) {
  const auto found =
      std::find_if(listeners_.begin(), listeners_.end(), [&](const Listener& l) { return l.address == address; });
  return found == listeners_.end() ? nullptr : &*found;
}

std::uint16_t Network::next_port() {
  const auto is_taken = [this](std::uint16_t port) {
    return std::any_of(listeners_.begin(), listeners_.end(), [&](const Listener& l) { return l.address.port == port; });
  };
  std::uint16_t port = 0;
  do {
    port = next_port_;
    next_port_ = port == UINT16_MAX ? kPortMin : static_cast<std::uint16_t>(port + 1);
  } while (is_taken(port));
  return port;
}

void Network::remove_listener(const Process& process, int fd) {
  std::erase_if(listeners_, [&](const Listener& l) { return l.process == &process && l.fd == fd; });
}

// ---- What processes do.

/// It may be opened for as long as its creator, who must not outlive the network, has it nameable.
SharedMemory Network::create_memory(std::uint32_t process, std::size_t size) {
  constexpr std::align_val_t page{4096};
  std::string name = std::to_string(process) + "/" + std::to_string(memory_count_++);
  SharedMemory memory{.bytes = {static_cast<std::byte*>(::operator new(size, page)),
                                [](std::byte* at) { ::operator delete(at, page); }},
                      .size = size,
                      .name = name};
  std::memset(memory.bytes.get(), 0, size);  // as a system gives it
  memories_.emplace(name, memory);
  memory.nameable = {this, [name](Network* network) { network->memories_.erase(name); }};
  return memory;
}

Result<SharedMemory> Network::open_memory(std::string_view name, std::size_t size) {
  const auto found = memories_.find(name);
  if (found == memories_.end() || found->second.size != size) return Error{Errc::malformed, "opening shared memory"};
  return SharedMemory{.bytes = found->second.bytes, .size = size};
}

EndId Network::connect(Process& process, int fd, const Address& destination) {
  const auto id = static_cast<StreamId>(streams_.size());
  streams_.push_back(std::make_unique<Stream>());
  Stream& stream = *streams_.back();
  stream.destination = destination;
  stream.latency = draw(options_.latency_min, options_.latency_max);
  stream.ends[0] = {.process = &process,
                    .fd = fd,
                    .process_id = process.id(),
                    .address = destination,
                    .owner = process.user(),
                    .is_open = true};
  stream.ends[0].address.port = next_port();
  for (Pipe& pipe : stream.pipes) {
    pipe.capacity = options_.capacity_min + random_.uniform(options_.capacity_max - options_.capacity_min + 1);
  }
  if (const Listener* listener = find_listener(destination)) stream.ends[1].process_id = listener->process->id();
  base::Duration delay = latency(stream);
  if (strikes(Fault::slow_connect)) delay += draw(milliseconds(50), milliseconds(8000));
  trace("p%u connects to port %u as stream %u", process.id(), destination.port, id);
  schedule(now_ + delay, Kind::dial, {id, 1});
  return {id, 0};
}

void Network::accept(EndId end, Process& process, int fd) {
  StreamEnd& accepted = stream(end.stream).ends[end.side];
  accepted.process = &process;
  accepted.fd = fd;
  accepted.owner = process.user();
}

PeerOwner Network::owner_of(EndId id) {
  const Stream& s = stream(id.stream);
  const StreamEnd& end = s.ends[id.side];
  const StreamEnd& other = s.ends[id.other().side];
  if (s.outcome != Outcome::connected || other.is_reset) return PeerOwner::unknown(OwnerStatus::not_connected);
  if (end.is_silent) return PeerOwner::unknown(OwnerStatus::not_found);
  if (!end.is_open || s.pipes[id.side].is_ended || s.pipes[id.other().side].is_ended) {
    return PeerOwner::unknown(OwnerStatus::ending);
  }
  return end.process == nullptr ? PeerOwner::unknown(OwnerStatus::not_accepted) : end.owner;
}

std::ptrdiff_t Network::send(EndId end, std::span<const Piece> pieces, std::size_t offset) {
  Stream& s = stream(end.stream);
  Pipe& pipe = s.pipes[end.side];
  if (s.ends[end.side].is_reset) return fail(ECONNRESET);
  if (s.outcome != Outcome::connected) return fail(ENOTCONN);
  if (pipe.is_ended) return fail(EPIPE);
  std::size_t room = pipe.room();
  if (room == 0) {
    pipe.writer_waits = true;
    return fail(EAGAIN);
  }
  const bool is_short = strikes(Fault::short_send);
  if (is_short) {
    room = 1 + random_.uniform(std::min<std::size_t>(room, 4096));
    schedule_soon(Kind::room, end);  // the system takes more in a moment
  }
  const std::uint64_t from = pipe.written;
  const std::size_t size = append(pipe, pieces, offset, room);
  trace("p%u sends %zu bytes on stream %u", s.ends[end.side].process_id, size, end.stream);
  if (pipe.room() == 0) pipe.writer_waits = true;
  if (pipe.is_cut) {
    pipe.take_back(from);
    schedule_soon(Kind::reset, end);
  } else if (strikes(Fault::reset)) {
    trace("stream %u breaks", end.stream);
    pipe.cut();
    schedule_soon(Kind::reset, end);
    schedule_soon(Kind::reset, end.other());
  } else if (strikes(Fault::half_close)) {
    trace("stream %u: what p%u sends ends", end.stream, s.ends[end.side].process_id);
    pipe.is_cut = true;
    pipe.take_back(from);
    schedule(std::max(now_ + latency(s), pipe.last_arrival), Kind::end, end.other());
  } else {
    schedule_bytes(end.other(), from);
  }
  return static_cast<std::ptrdiff_t>(size);
}

/// Takes at most `size_max` bytes of the pieces; returns how many.
std::size_t Network::append(Pipe& pipe, std::span<const Piece> pieces, std::size_t offset, std::size_t size_max) {
  std::size_t size = 0;
  for (Piece piece : pieces) {
    piece.remove_prefix(std::exchange(offset, 0));
    piece = piece.substr(0, size_max - size);
    pipe.append(piece);
    size += piece.size();
  }
  return size;
}

/// What was written from `from` on arrives at `to`, in one segment or in several.
void Network::schedule_bytes(EndId to, std::uint64_t from) {
  Stream& s = stream(to.stream);
  Pipe& pipe = s.pipes[to.other().side];
  base::Instant at = now_ + latency(s);
  if (strikes(Fault::merged)) at += draw(milliseconds(1), milliseconds(40));
  if (strikes(Fault::delayed)) at += draw(milliseconds(1), milliseconds(random_.chance(0.1) ? 3000 : 200));
  at = std::max(at, pipe.last_arrival);
  if (pipe.written - from > 1 && strikes(Fault::split)) {
    for (std::uint64_t parts = 1 + random_.uniform(3); parts > 0 && pipe.written - from > 1; --parts) {
      from += 1 + random_.uniform(pipe.written - from - 1);
      schedule(at, Kind::bytes, to, from);
      at += draw(base::Duration(1000), milliseconds(2));
    }
  }
  schedule(at, Kind::bytes, to, pipe.written);
  pipe.last_arrival = at;
}

std::ptrdiff_t Network::receive(EndId end, char* out, std::size_t size) {
  Stream& s = stream(end.stream);
  Pipe& pipe = s.pipes[end.other().side];
  if (pipe.readable() == 0) {
    if (s.ends[end.side].is_reset) return fail(ECONNRESET);
    if (s.outcome != Outcome::connected) return fail(ENOTCONN);
    return pipe.is_at_end() ? 0 : fail(EAGAIN);
  }
  size = std::min(size, pipe.readable());
  pipe.bytes.copy(out, size, pipe.start);
  consume(end, size);
  return static_cast<std::ptrdiff_t>(size);
}

bool Network::has_unread() const {
  return std::any_of(streams_.begin(), streams_.end(), [](const std::unique_ptr<Stream>& s) {
    return s != nullptr &&
           ((s->ends[0].is_open && s->pipes[1].readable() > 0) || (s->ends[1].is_open && s->pipes[0].readable() > 0));
  });
}

void Network::discard(EndId end) { consume(end, stream(end.stream).pipes[end.other().side].readable()); }

/// The reader has taken bytes. As systems do, the writer is notified when there is room that is worth it.
void Network::consume(EndId reader, std::size_t size) {
  Pipe& pipe = stream(reader.stream).pipes[reader.other().side];
  pipe.consume(size);
  if (!pipe.writer_waits || pipe.room() < pipe.capacity / 2) return;
  pipe.writer_waits = false;
  schedule_soon(Kind::room, reader.other());
}

void Network::end_sending(EndId end) {
  Stream& s = stream(end.stream);
  Pipe& out = s.pipes[end.side];
  if (s.outcome != Outcome::connected || s.ends[end.side].is_reset || std::exchange(out.is_ended, true)) return;
  schedule(std::max(now_ + latency(s), out.last_arrival), Kind::end, end.other());
}

void Network::close(EndId end) {
  Stream& s = stream(end.stream);
  StreamEnd& closed = s.ends[end.side];
  const bool was_reset = closed.is_reset;
  closed.is_open = false;
  closed.process = nullptr;
  Pipe& out = s.pipes[end.side];
  if (!was_reset && s.pipes[end.other().side].readable() > 0) {
    out.cut();
    schedule_soon(Kind::reset, end.other());
  } else if (!was_reset && !std::exchange(out.is_ended, true)) {
    schedule(std::max(now_ + latency(s), out.last_arrival), Kind::end, end.other());
  }
  release_if_over(end.stream);
}

void Network::silence(EndId end) {
  Stream& s = stream(end.stream);
  StreamEnd& gone = s.ends[end.side];
  gone.is_open = false;
  gone.is_silent = true;
  gone.process = nullptr;
  s.pipes[end.side].cut();
  release_if_over(end.stream);
}

// ---- What happens by itself.

void Network::schedule(base::Instant at, Kind kind, EndId end, std::uint64_t offset) {
  events_.push({.at = at, .order = scheduled_count_++, .offset = offset, .end = end, .kind = kind});
}

void Network::schedule_soon(Kind kind, EndId end) { schedule(now_ + latency(stream(end.stream)), kind, end); }

void Network::deliver(const Event& event) {
  if (streams_[event.end.stream] == nullptr) return;  // both ends are closed
  if (is_cut(event)) return schedule(now_ + kRetransmission, event.kind, event.end, event.offset);
  const EndId end = event.end;
  switch (event.kind) {
    case Kind::dial: return dial(event);
    case Kind::outcome: return notify(end, false, true);
    case Kind::bytes: return arrive(end, event.offset);
    case Kind::room: return notify(end, false, true);
    case Kind::end: stream(end.stream).pipes[end.other().side].has_end = true; return notify(end, true, false);
    case Kind::reset: return break_end(end);
  }
}

void Network::dial(const Event& event) {
  const EndId end = event.end;
  Stream& s = stream(end.stream);
  Listener* listener = find_listener(s.destination);
  if (listener == nullptr || strikes(Fault::refused)) {
    s.outcome = Outcome::refused;
    return schedule_soon(Kind::outcome, end.other());
  }
  if (!listener->process->has_room_for_dial(listener->fd)) {
    return schedule(now_ + kDialAgain, event.kind, end, event.offset);
  }
  s.outcome = Outcome::connected;
  ++connections_[{s.ends[0].process_id, listener->process->id()}];
  s.ends[1] = {.process_id = listener->process->id(), .address = s.destination, .is_open = true};
  schedule_soon(Kind::outcome, end.other());
  listener->process->take_dial(listener->fd, end);
}

void Network::arrive(EndId end, std::uint64_t offset) {
  Stream& s = stream(end.stream);
  Pipe& pipe = s.pipes[end.other().side];
  // What a reset has overtaken is lost.
  pipe.arrived = std::max(pipe.arrived, std::min(offset, pipe.written));
  const StreamEnd& reader = s.ends[end.side];
  if (reader.is_open) {
    trace("p%u has %zu bytes to receive on stream %u", reader.process_id, pipe.readable(), end.stream);
    notify(end, true, false);
  } else if (!reader.is_silent && pipe.readable() > 0) {
    pipe.consume(pipe.readable());
    schedule_soon(Kind::reset, end.other());  // nobody is there any more to read it
  }
}

void Network::break_end(EndId end) {
  Stream& s = stream(end.stream);
  StreamEnd& broken = s.ends[end.side];
  if (!broken.is_open || std::exchange(broken.is_reset, true)) return;
  s.pipes[end.side].cut();
  s.pipes[end.other().side].cut();
  trace("p%u: stream %u is reset", broken.process_id, end.stream);
  notify(end, true, true);
}

void Network::notify(EndId end, bool can_read, bool can_write) {
  const Stream& s = stream(end.stream);
  const StreamEnd& told = s.ends[end.side];
  if (told.process == nullptr) return;
  const bool has_ended = told.is_reset || s.outcome == Outcome::refused || s.pipes[end.other().side].has_end;
  told.process->notify(told.fd, {.token = 0, .can_read = can_read, .can_write = can_write, .has_ended = has_ended});
}

base::Duration Network::draw(base::Duration from, base::Duration to) {
  if (from == to) return from;
  return from + base::Duration(static_cast<base::Duration::rep>(
                    random_.uniform(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

void Network::release_if_over(StreamId id) {
  const Stream& s = *streams_[id];
  if (!s.ends[0].is_open && !s.ends[1].is_open) streams_[id].reset();
}

}  // namespace distflow::io::sim
