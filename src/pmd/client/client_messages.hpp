// What a client sends, and what it is to make of an answer.
//
// Pure functions, except for the backend's randomness; any thread.
// Use: ask(write_hello, ...); ... on_answer(to_part(answer, &protocol::Response::node));
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <distflow/result.hpp>

#include "io/backend.hpp"
#include "pmd/client/client_requests.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

inline constexpr const char* kAsking = "asking the PMD";

/// What comes of a question for a node's counters.
struct ToldStats {
  std::string refusal;                     ///< why not, in the PMD's words; empty: it was reported
  std::optional<protocol::NodeInfo> node;  ///< as the PMD has it
  std::string json;                        ///< an object (docs/wire-protocol.md, "Stats of a node")
};

/// What comes of asking the PMD for its page.
struct PageAnswer {
  std::string refusal;     ///< why not, in the PMD's words; empty: it is served
  std::uint16_t port = 0;  ///< of 127.0.0.1
};

[[nodiscard]] std::string write_hello(std::string_view id);

/// What makes the groups `before` those `after`.
[[nodiscard]] protocol::GroupChange change_between(const protocol::Groups& before, const protocol::Groups& after);

/// 128 random bits as hexadecimal digits.
[[nodiscard]] std::string random_secret(io::Backend& backend);

/// Whether a node can have this alias or nodeId, so that it is worth asking for.
[[nodiscard]] bool is_possible_name(std::string_view name);

/// Errc::node_not_found where the PMD knows no such node, else Errc::refused.
[[nodiscard]] Error error_of(const protocol::Response& response);
[[nodiscard]] Result<void> to_success(const Answer& answer);

/// What a PMD answers to a question for stats; an error where that is not known, as Errc::node_not_found.
[[nodiscard]] Result<ToldStats> to_stats(const Answer& answer);

[[nodiscard]] Result<PageAnswer> to_page(const Answer& answer);

/// The part of a response that was asked for; Errc::malformed where it is missing.
template <class T>
[[nodiscard]] Result<T> to_part(const Answer& answer, std::optional<T> protocol::Response::*part) {
  if (!answer) return answer.error();
  if (answer->error) return error_of(*answer);
  const std::optional<T>& value = (*answer).*part;
  if (!value) return Error{Errc::malformed, kAsking};
  return *value;
}

}  // namespace distflow::pmd
