#include "pmd/client/client_messages.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

#include "protocol/json_grammar.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {

std::string write_hello(std::string_view id) {
  return protocol::hello_request(id, {.version = 1,
                                      .caps = {std::string(protocol::kShutdownCap), std::string(protocol::kGroupsCap)},
                                      .pid = 0,
                                      .start_time_ms = 0});
}

protocol::GroupChange change_between(const protocol::Groups& before, const protocol::Groups& after) {
  const auto without = [](const protocol::Groups& some, const protocol::Groups& others) {
    protocol::Groups left;
    for (const std::string& name : some) {
      if (std::find(others.begin(), others.end(), name) == others.end()) left.push_back(name);
    }
    return left;
  };
  return {.join = without(after, before), .leave = without(before, after)};
}

std::string random_secret(io::Backend& backend) {
  std::array<std::byte, 16> bytes{};
  backend.fill_random(bytes);
  std::string text;
  for (const std::byte byte : bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    text += digits[std::to_integer<std::size_t>(byte >> 4)];
    text += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return text;
}

bool is_possible_name(std::string_view name) {
  if (name.empty() || name.size() > protocol::kIdSizeMax) return false;
  std::string json;
  protocol::append_json_string(json, name);
  return protocol::is_json(json);
}

Error error_of(const protocol::Response& response) {
  const bool is_unknown = response.error == protocol::kNodeNotFound || response.error == protocol::kAliasNotFound;
  return {is_unknown ? Errc::node_not_found : Errc::refused, kAsking};
}

Result<ToldStats> to_stats(const Answer& answer) {
  if (!answer) return answer.error();
  if (error_of(*answer) == Errc::node_not_found) return error_of(*answer);
  if (answer->error) return ToldStats{.refusal = *answer->error, .node = std::nullopt, .json = {}};
  if (!answer->stats || !answer->node) return Error{Errc::malformed, kAsking};
  return ToldStats{.refusal = {}, .node = answer->node, .json = *answer->stats};
}

Result<PageAnswer> to_page(const Answer& answer) {
  if (!answer) return answer.error();
  if (answer->error) return PageAnswer{.refusal = *answer->error, .port = 0};
  if (answer->web_port == 0) return Error{Errc::malformed, kAsking};
  return PageAnswer{.refusal = {}, .port = answer->web_port};
}

Result<void> to_success(const Answer& answer) {
  if (!answer) return answer.error();
  if (answer->error) return error_of(*answer);
  return {};
}

}  // namespace distflow::pmd
