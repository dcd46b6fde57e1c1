#include "pmd/server/protocol_sniffer.hpp"

#include "base/assert.hpp"
#include "framing/frame.hpp"

namespace distflow::pmd {
namespace {

constexpr const char* kEpmd =
    "a request to Erlang's epmd; both use port 4369 by default, give one of them another (--port, ERL_EPMD_PORT)";

constexpr std::string_view kEpmdRequests = "nxzdks";  // NAMES, ALIVE2, PORT_PLEASE2, DUMP, KILL, STOP

/// The first length that a header beginning with `first` can announce.
std::uint32_t announced_at_least(std::string_view first) {
  char header[framing::kHeaderSize] = {};
  first.copy(header, sizeof header);
  return framing::read_header(header);
}

/// Requests of epmd are a length of two bytes, then a letter (Erlang distribution protocol, "EPMD Protocol").
bool is_epmd(std::string_view first) {
  return first.size() >= 3 && first[0] == '\0' && kEpmdRequests.find(first[2]) != std::string_view::npos;
}

bool is_http(std::string_view first) {
  for (const std::string_view method : {"GET ", "POST", "PUT ", "HEAD", "OPTI", "DELE", "CONN", "PATC", "PRI "}) {
    if (first == method) return true;
  }
  return false;
}

}  // namespace

const char* recognise_foreign(std::string_view first, std::uint32_t frame_size_max) {
  DF_ASSERT(!first.empty() && first.size() <= framing::kHeaderSize);
  if (announced_at_least(first) <= frame_size_max) return nullptr;
  if (is_epmd(first)) return kEpmd;
  if (first.size() < framing::kHeaderSize) return nullptr;  // what comes next will tell
  if (is_http(first)) return "an HTTP request";
  if (first.starts_with("\x16\x03")) return "a TLS handshake";
  if (first.starts_with("SSH-")) return "an SSH client";
  if (first.starts_with(std::string_view("\xff\0\0\0", 4))) return "a ZeroMQ greeting";
  if (__builtin_bswap32(announced_at_least(first)) <= frame_size_max) return "a length in little-endian order";
  return "a frame too long, or no frame at all";
}

}  // namespace distflow::pmd
