// `distflow dead-letters NAME`: what a node accepted and could not deliver, with the reasons; with --redrive the node
// sends it again.
//
// Blocking, for a minute at most and a question; one thread. What nodes report is not trusted:
//   1. At most kLettersMax letters are kept.
//   2. A part that says that there are more has some itself: so there is an end of asking.
// Use: return dead_letters(arguments, client, screen);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/screen.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::cli {

/// kExitNo when there is no such node, when it does not report, and when it did not send all of them again.
Report dead_letters(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen);

/// A letter, as a node reports it.
struct ToldLetter {
  std::uint64_t number = 0;
  std::int64_t at_ms = 0;       ///< when it was dropped; since the Unix epoch, as the next one
  std::int64_t sent_at_ms = 0;  ///< when it was sent
  std::string to;               ///< whom it would be sent to again
  std::string node_id;          ///< of the peer; empty: none was found
  std::string reason;           ///< the name of the counter, without "dropped_"
  std::uint64_t size = 0;       ///< bytes of the message
  std::string text;             ///< its beginning
};

inline constexpr std::size_t kLettersMax = 65'536;

/// BlockingClient::stats() for one question, or what stands for it.
using AskOnce = std::function<Result<pmd::ToldStats>(const pmd::StatsQuestion&)>;

/// All parts, added to `letters`; why not, or empty. What was read until then is among `letters` all the same. Waits
/// while the node is asked too often.
[[nodiscard]] std::string read_letters(const AskOnce& ask, const std::string& node_id, base::Instant until,
                                       std::vector<ToldLetter>& letters);

/// The text or the JSON of them. `now_ms`: since the Unix epoch, for the ages.
Report report_letters(const Arguments& arguments, const protocol::NodeInfo& node,
                      const std::vector<ToldLetter>& letters, std::int64_t now_ms, const Screen& screen);
/// The same of what was read: with a reason, that these are not all, and kExitNo.
Report report_read(const Arguments& arguments, const protocol::NodeInfo& node, const std::vector<ToldLetter>& letters,
                   const std::string& why_not_all, std::int64_t now_ms, const Screen& screen);
/// Has the node send them again. kExitNo when it did not, or not all, or when its answer did not come.
Report redrive_letters(const Arguments& arguments, const protocol::NodeInfo& node, const AskOnce& ask);
Report report_redriven(const Arguments& arguments, const protocol::NodeInfo& node, std::uint64_t redriven,
                       std::uint64_t kept);

}  // namespace distflow::cli
