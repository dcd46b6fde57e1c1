#include "tests/sim/liar.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include "framing/frame.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kNoncesMax = 64;
/// What a liar keeps of a talk that it does not understand, or that nobody takes from it.
constexpr std::size_t kBufferMax = std::size_t{1} << 20;

io::Address loopback(std::uint16_t port) { return io::Address::ipv4_loopback(port); }

}  // namespace

std::string framed(std::string_view body) {
  std::array<char, framing::kHeaderSize> header;
  framing::write_header(header.data(), static_cast<std::uint32_t>(body.size()));
  return std::string(header.data(), header.size()).append(body);
}

Liar::Liar(Lore& lore, std::string label, std::uint64_t seed)
    : lore_(lore), label_(std::move(label)), random_(seed), process_(lore.network, io::sim::Process::Pace::driven) {}

Liar::~Liar() {
  for (const int fd : fds_) process_.close_fd(fd);
}

int Liar::listen(std::uint16_t port) {
  const Result<int> fd = process_.open_listener(loopback(port), {});
  if (fd) fds_.push_back(*fd);
  return fd ? *fd : -1;
}

std::uint16_t Liar::port_of(int listener) { return process_.local_address(listener)->port; }

int Liar::open_connection(std::uint16_t port) {
  const Result<int> fd = process_.open_connecting(loopback(port));
  if (fd) fds_.push_back(*fd);
  return fd ? *fd : -1;
}

void Liar::exchange(Talk& talk) {
  if (talk.is_over) return;
  if (!talk.out.empty()) say_bytes(talk, {});
  std::array<char, 4096> bytes;
  while (!talk.is_over && !talk.is_deaf) {
    const std::ptrdiff_t size = process_.receive(talk.fd, bytes.data(), bytes.size());
    if (size > 0) {
      if (talk.in.size() > kBufferMax) talk.in.clear();
      talk.in.append(bytes.data(), static_cast<std::size_t>(size));
    } else if (size == 0 || errno == ECONNRESET) {
      return close(talk);
    } else if (errno != EINTR) {
      return;
    }
  }
}

bool Liar::next_frame(Talk& talk, std::string& body) {
  if (talk.in.size() < framing::kHeaderSize) return false;
  const std::size_t size = framing::read_header(talk.in.data());
  if (size > kBufferMax) talk.in.clear();  // no frame: a bell, behind the last one
  if (talk.in.size() < framing::kHeaderSize + size) return false;
  body = talk.in.substr(framing::kHeaderSize, size);
  talk.in.erase(0, framing::kHeaderSize + size);
  return true;
}

/// What cannot be sent yet is sent before what is said next.
void Liar::say_bytes(Talk& talk, std::string_view bytes) {
  if (talk.is_over || talk.has_ended || talk.out.size() > kBufferMax) return;
  talk.out += bytes;
  while (!talk.out.empty()) {
    const std::array<io::Piece, 1> pieces{talk.out};
    const std::ptrdiff_t size = process_.send_gathered(talk.fd, pieces, 0);
    if (size > 0) {
      talk.out.erase(0, static_cast<std::size_t>(size));
    } else if (errno == ECONNRESET) {
      return close(talk);
    } else if (errno != EINTR) {
      return;
    }
  }
}

void Liar::say(Talk& talk, std::string_view body) {
  ++lie_count_;
  say_bytes(talk, framed(body));
}

void Liar::close(Talk& talk) {
  if (std::exchange(talk.is_over, true)) return;
  std::erase(fds_, talk.fd);
  process_.close_fd(talk.fd);
}

void Liar::end_sending(Talk& talk) {
  if (talk.is_over || std::exchange(talk.has_ended, true)) return;
  process_.end_sending(talk.fd);
}

void Liar::misbehave(Talk& talk) {
  switch (uniform(8)) {
    case 0: return say_bytes(talk, std::string_view("\0", 1));
    case 1: return say_bytes(talk, std::string(1 + uniform(40), static_cast<char>(uniform(256))));
    case 2: return say(talk, chance(0.5) ? "{" : "[1,2]");
    case 3: return say_bytes(talk, std::string_view("\0\0\x40\0{\"from\":", 12));  // the beginning of a frame
    case 4: return say_bytes(talk, std::string_view("\xff\xff\xff\xff", 4));
    case 5: return end_sending(talk);
    case 6: return close(talk);
    default: talk.is_deaf = !talk.is_deaf;
  }
}

std::string Liar::some_nonce() {
  if (!lore_.nonces.empty() && chance(0.6)) return lore_.nonces[uniform(lore_.nonces.size())];
  if (lore_.nonces.size() >= kNoncesMax) lore_.nonces.erase(lore_.nonces.begin());
  lore_.nonces.push_back(new_id());
  return lore_.nonces.back();
}

std::string Liar::new_id() {
  // Beside the nodeIds of nodes, both greater and lesser than most.
  std::string id(1, chance(0.5) ? 'f' : '0');
  while (id.size() < 16) id += "0123456789abcdef"[uniform(16)];
  return id;
}

const Rumour* Liar::some_node() {
  if (lore_.nodes.empty()) return nullptr;
  const std::size_t late = std::min<std::size_t>(lore_.nodes.size(), chance(0.85) ? 8 : 64);
  const Rumour* node = nullptr;
  for (int i = 0; i < 4 && (node == nullptr || !node->is_alive); ++i) {
    node = &lore_.nodes[lore_.nodes.size() - 1 - uniform(late)];
  }
  return node;
}

std::string Liar::false_payload() {
  const std::size_t size = chance(0.05) ? uniform(8000) : uniform(200);
  return R"({"false":)" + std::to_string(lie_count_) + R"(,"x":")" + std::string(size, 'z') + "\"}";
}

}  // namespace distflow::test
