// Reads the head of an HTTP request, strictly: what two readers could understand differently is refused.
//
// Pure functions; any thread. The home of Boost.Beast, whose parser reads the lines.
//   1. The outcome depends on the bytes of the head alone: not on how they were cut on their way, nor on what comes
//      behind them, which is not looked at.
//   2. A head has at most kHeadSizeMax bytes, and a request has no body.
//   3. Refused are: a line end without CR, a folded line, more than one Host, Origin, Sec-Fetch-Site or Content-Length,
//      Transfer-Encoding, Expect, Upgrade, and a % in the target without two hexadecimal digits behind it.
// Use: const Reading reading = read_request(bytes); if (reading.status == Reading::kIncomplete) ...
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::http {

inline constexpr std::size_t kHeadSizeMax = std::size_t{32} * 1024;

struct Request {
  std::string method;                     ///< as sent: "GET"
  std::string path;                       ///< without the query; begins with "/"
  std::string query;                      ///< what stands behind the first "?"; empty without one
  std::optional<std::string> host;        ///< the header's value
  std::optional<std::string> origin;      ///< the same
  std::optional<std::string> fetch_site;  ///< the same, of Sec-Fetch-Site
};

struct Reading {
  static constexpr int kIncomplete = 0;
  static constexpr int kWhole = 200;

  int status = kIncomplete;  ///< or the HTTP status that the request is to be refused with
  Request request = {};      ///< of a whole one
  std::size_t size = 0;      ///< bytes of its head, of a whole one; what came behind them is not the request's
};

/// What all the bytes of a connection, from its beginning on, are so far. May throw std::bad_alloc.
[[nodiscard]] Reading read_request(std::string_view bytes);

/// The value of `name` in a query such as "after=x&limit=7", with its %XX decoded; nothing if it is not there. The
/// query is that of a whole request: each % in it has two hexadecimal digits.
[[nodiscard]] std::optional<std::string> query_value(std::string_view query, std::string_view name);

struct QueryValues {
  std::vector<std::string> values;
  std::size_t left_out = 0;  ///< how many more there are
};

/// The values of the first `count_max` that are called `name`, in their order.
[[nodiscard]] QueryValues query_values(std::string_view query, std::string_view name, std::size_t count_max);

}  // namespace distflow::http
