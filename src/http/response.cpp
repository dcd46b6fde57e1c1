#include "http/response.hpp"

namespace distflow::http {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 410: return "Gone";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Error";
  }
}

std::string head_text(int status, std::string_view content_type) {
  std::string out = "HTTP/1.1 " + std::to_string(status) + ' ';
  out += reason_of(status);
  out += "\r\nContent-Type: ";
  out += content_type;
  out +=
      "\r\nConnection: close"
      "\r\nCache-Control: no-store"
      "\r\nContent-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
      "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
      "\r\nCross-Origin-Resource-Policy: same-origin"
      "\r\nReferrer-Policy: no-referrer"
      "\r\nX-Content-Type-Options: nosniff\r\n";
  if (status == 405) out += "Allow: GET\r\n";
  // Who had this address before may have left a service worker in the browser, which would stand before this server.
  if (status != 200 || content_type.starts_with("text/html")) out += "Clear-Site-Data: \"storage\"\r\n";
  return out;
}

}  // namespace

std::string response_head(const Response& response) {
  return head_text(response.status, response.content_type) + "Content-Length: " + std::to_string(response.body.size()) +
         "\r\n\r\n";
}

std::string error_text(int status, std::string_view remedy, bool has_no_body) {
  Response response{.status = status, .body = std::to_string(status) + ' ' + std::string(reason_of(status)) + '\n'};
  if (!remedy.empty()) (response.body += remedy) += '\n';
  std::string text = response_head(response);
  return has_no_body ? text : text += response.body;
}

std::string event_stream_head() { return head_text(200, "text/event-stream") + "\r\n"; }

}  // namespace distflow::http
