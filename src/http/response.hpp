// An HTTP response as bytes. Every one has the headers that keep a browser from doing more than it is asked to.
//
// Pure functions; any thread.
// Use: std::string bytes = response_text({.content_type = "text/plain", .body = "ok\n"});
#pragma once

#include <string>
#include <string_view>

namespace distflow::http {

struct Response {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body = {};
};

/// Status line, headers and body; the connection ends behind it.
[[nodiscard]] std::string response_text(const Response& response);
/// Of a status that is no success: its text is its body, too.
[[nodiscard]] std::string error_text(int status);
/// The head of a stream of server-sent events, which ends with the connection.
[[nodiscard]] std::string event_stream_head();

}  // namespace distflow::http
