#include "runtime/node/check_options.hpp"

#include <variant>

#include "io/address.hpp"
#include "protocol/envelope.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/json_write.hpp"
#include "protocol/pmd_node.hpp"
#include "stream/memory_stream.hpp"

namespace distflow::runtime {
namespace {

constexpr std::uint32_t kMailboxSizeMax = 1U << 24U;

/// Whether it can be written as a JSON string.
bool is_text(const std::string& text) {
  std::string json;
  protocol::append_json_string(json, text);
  return protocol::is_json(json);
}

Result<void> check_registration_options(const NodeOptions& options) {
  const auto invalid = [](const char* what) { return Error{Errc::invalid_option, what}; };
  if (options.alias.size() > protocol::kIdSizeMax) return invalid("alias: at most 256 bytes");
  if (!is_text(options.alias)) return invalid("alias: not UTF-8");
  if (options.alias.starts_with(protocol::kTopicPrefix)) return invalid("alias: begins with 'topic:'");
  if (options.advertised_host.size() > protocol::kHostSizeMax) return invalid("advertised_host: at most 255 bytes");
  if (!is_text(options.advertised_host)) return invalid("advertised_host: not UTF-8");
  if (options.advertised_host.empty() && (options.host == "0.0.0.0" || options.host == "::")) {
    return invalid("advertised_host: needed where host stands for every address");
  }
  if (options.meta.size() > protocol::kMetaCountMax) return invalid("meta: at most 32 entries");
  for (const auto& [key, value] : options.meta) {
    if (key.empty() || key.size() > protocol::kMetaSizeMax || value.size() > protocol::kMetaSizeMax) {
      return invalid("meta: keys of 1 to 256 bytes, values of at most 256");
    }
    if (!is_text(key) || !is_text(value)) return invalid("meta: not UTF-8");
  }
  return {};
}

}  // namespace

Result<void> check_mailbox_options(const MailboxLimits& mailbox, const ConflateBy& conflate_by) {
  const auto invalid = [](const char* what) { return Error{Errc::invalid_option, what}; };
  if (mailbox.max_size == 0 || mailbox.max_size > kMailboxSizeMax) return invalid("mailbox.max_size: 1 to 16,777,216");
  if (mailbox.bytes_max == 0) return invalid("mailbox.bytes_max: at least 1");
  if (const auto* const member = std::get_if<std::string>(&conflate_by)) {
    if (member->size() > protocol::kIdSizeMax) return invalid("conflate_by: at most 256 bytes");
    if (!is_text(*member)) return invalid("conflate_by: not UTF-8");
  }
  return {};
}

Result<void> check_options(const NodeOptions& options) {
  const auto invalid = [](const char* what) { return Error{Errc::invalid_option, what}; };
  if (Result<void> checked = check_registration_options(options); !checked) return checked;
  if (options.pmd_idle_exit.count() <= 0) return invalid("pmd_idle_exit: more than 0");
  if (Result<void> checked = check_mailbox_options(options.mailbox, options.conflate_by); !checked) return checked;
  if (options.frame_size_max < 1024) return invalid("frame_size_max: at least 1024 bytes");
  if (options.send_bytes_max < std::size_t{options.frame_size_max} + 4)
    return invalid("send_bytes_max: at least a frame");
  if (options.send_messages_max == 0) return invalid("send_messages_max: at least 1");
  if (options.asks_max == 0 || options.asks_max > (1U << 20U)) return invalid("asks_max: 1 to 1,048,576");
  if (options.asks_per_peer_max == 0) return invalid("asks_per_peer_max: at least 1");
  if (options.connections_max == 0) return invalid("connections_max: at least 1");
  if (options.heartbeat_interval.count() <= 0) return invalid("heartbeat_interval: more than 0");
  if (options.ttl <= options.heartbeat_interval) return invalid("ttl: more than heartbeat_interval");
  if (!stream::is_ring_size(options.memory_ring_size)) {
    return invalid("memory_ring_size: a power of two from 4 KiB to 16 MiB");
  }
  if (options.spin.count() < 0 && options.spin != NodeOptions::kSpinMeasured) {
    return invalid("spin: not less than 0, or kSpinMeasured");
  }
  if (!io::Address::parse(options.host, options.port)) return Error{Errc::invalid_address, "host"};
  return {};
}

NodeOptions at_pmd(NodeOptions options, const pmd::PmdAddress& address) {
  if (options.pmd_host.empty()) options.pmd_host = address.host;
  if (options.pmd_port == 0) options.pmd_port = address.port;
  return options;
}

Result<NodeOptions> at_pmd_of_environment(const NodeOptions& options) {
  // If the options have both, the variable is not read, and may hold anything.
  if (!options.pmd_host.empty() && options.pmd_port != 0) return options;
  const Result<pmd::PmdAddress> address = pmd::pmd_address_from_environment();
  if (!address) return address.error();
  return at_pmd(options, *address);
}

}  // namespace distflow::runtime
