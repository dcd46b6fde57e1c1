#include "runtime/process/option_differences.hpp"

#include <string_view>
#include <utility>
#include <variant>

namespace distflow::runtime {
namespace {

bool is_same(const ConflateBy& one, const ConflateBy& other) {
  const auto* const name = std::get_if<std::string>(&one);
  const auto* const other_name = std::get_if<std::string>(&other);
  if (name != nullptr && other_name != nullptr) return *name == *other_name;
  // Two functions cannot be compared: they are taken for the same.
  return name == nullptr && other_name == nullptr;
}
bool is_same(const LogSink& one, const LogSink& other) { return static_cast<bool>(one) == static_cast<bool>(other); }
template <class T>
bool is_same(const T& one, const T& other) {
  return one == other;
}

class Differences {
 public:
  template <class T>
  void look_at(std::string_view name, const T& wanted, const T& running, const T& otherwise) {
    if (is_same(wanted, otherwise) || is_same(wanted, running)) return;
    if (!names_.empty()) names_ += ", ";
    names_ += name;
  }
  [[nodiscard]] std::string names() && { return std::move(names_); }

 private:
  std::string names_;
};

}  // namespace

std::string differing_options(const NodeOptions& wanted, const NodeOptions& running) {
  const NodeOptions defaults;
  Differences differences;
  const auto look_at = [&](std::string_view name, auto NodeOptions::*option) {
    differences.look_at(name, wanted.*option, running.*option, defaults.*option);
  };
  const auto look_at_mailbox = [&](std::string_view name, auto MailboxLimits::*option) {
    differences.look_at(name, wanted.mailbox.*option, running.mailbox.*option, defaults.mailbox.*option);
  };
  {
    // Does not compile when there is another option: then it is to be looked at below.
    [[maybe_unused]] const auto& [alias, pmd_host, pmd_port, start_pmd, pmd_idle_exit, host, port, advertised_host,
                                  meta, mailbox, conflate_by, threading, heartbeat_interval, ttl, start_deadline,
                                  rejoin_grace, connect_deadline, write_at_once, frame_size_max, send_bytes_max,
                                  send_messages_max, parked_messages_max, parked_bytes_max, incomplete_bytes_max,
                                  connections_max, memory_connections_max, memory_ring_size, targets_max, asks_max,
                                  asks_per_peer_max, backend, spin, log, log_sink, introspection, dead_letters_max,
                                  dead_letter_bytes_max] = wanted;
    [[maybe_unused]] const auto& [max_size, bytes_max, overflow] = wanted.mailbox;
  }
  look_at("alias", &NodeOptions::alias);
  look_at("pmd_host", &NodeOptions::pmd_host);
  look_at("pmd_port", &NodeOptions::pmd_port);
  look_at("start_pmd", &NodeOptions::start_pmd);
  look_at("pmd_idle_exit", &NodeOptions::pmd_idle_exit);
  look_at("host", &NodeOptions::host);
  look_at("port", &NodeOptions::port);
  look_at("advertised_host", &NodeOptions::advertised_host);
  look_at("meta", &NodeOptions::meta);
  look_at_mailbox("mailbox.max_size", &MailboxLimits::max_size);
  look_at_mailbox("mailbox.bytes_max", &MailboxLimits::bytes_max);
  look_at_mailbox("mailbox.overflow", &MailboxLimits::overflow);
  look_at("conflate_by", &NodeOptions::conflate_by);
  look_at("threading", &NodeOptions::threading);
  look_at("heartbeat_interval", &NodeOptions::heartbeat_interval);
  look_at("ttl", &NodeOptions::ttl);
  look_at("start_deadline", &NodeOptions::start_deadline);
  look_at("rejoin_grace", &NodeOptions::rejoin_grace);
  look_at("connect_deadline", &NodeOptions::connect_deadline);
  look_at("write_at_once", &NodeOptions::write_at_once);
  look_at("frame_size_max", &NodeOptions::frame_size_max);
  look_at("send_bytes_max", &NodeOptions::send_bytes_max);
  look_at("send_messages_max", &NodeOptions::send_messages_max);
  look_at("parked_messages_max", &NodeOptions::parked_messages_max);
  look_at("parked_bytes_max", &NodeOptions::parked_bytes_max);
  look_at("incomplete_bytes_max", &NodeOptions::incomplete_bytes_max);
  look_at("connections_max", &NodeOptions::connections_max);
  look_at("memory_connections_max", &NodeOptions::memory_connections_max);
  look_at("memory_ring_size", &NodeOptions::memory_ring_size);
  look_at("targets_max", &NodeOptions::targets_max);
  look_at("asks_max", &NodeOptions::asks_max);
  look_at("asks_per_peer_max", &NodeOptions::asks_per_peer_max);
  look_at("backend", &NodeOptions::backend);
  look_at("spin", &NodeOptions::spin);
  look_at("log", &NodeOptions::log);
  look_at("log_sink", &NodeOptions::log_sink);
  look_at("introspection", &NodeOptions::introspection);
  look_at("dead_letters_max", &NodeOptions::dead_letters_max);
  look_at("dead_letter_bytes_max", &NodeOptions::dead_letter_bytes_max);
  return std::move(differences).names();
}

}  // namespace distflow::runtime
