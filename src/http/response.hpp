// An HTTP response as bytes. Every one has the headers that keep a browser from doing more than it is asked to.
//
// Pure functions; any thread.
// Use: std::string bytes = response_head(response) + response.body;
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace distflow::http {

struct Response {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body = {};
};

/// Status line and headers; the body comes behind them, and the connection ends behind that.
[[nodiscard]] std::string response_head(const Response& response);
/// Head and body of a status that is no success: its text is its body, too, with `remedy` behind it, if there is one.
/// The answer to HEAD has no body.
[[nodiscard]] std::string error_text(int status, std::string_view remedy = {}, bool has_no_body = false);
/// The head of a stream of server-sent events, which ends with the connection.
[[nodiscard]] std::string event_stream_head();

}  // namespace distflow::http
