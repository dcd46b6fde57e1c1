#include "http/request.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <charconv>
#include <cstdint>
#include <limits>
#include <utility>

#include "http/status.hpp"

namespace distflow::http {
namespace {

namespace beast = boost::beast;

constexpr int kContentTooLarge = 413;
constexpr int kHeadTooLarge = 431;

Reading refused(int status) { return {.status = status}; }

/// A line that ends without CR, or that continues the one before: readers differ in what they make of it.
bool has_doubtful_line(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos; at = bytes.find('\n', at + 1)) {
    if (at == 0 || bytes[at - 1] != '\r') return true;
    if (at + 1 < bytes.size() && (bytes[at + 1] == ' ' || bytes[at + 1] == '\t')) return true;
  }
  return false;
}

std::string text_of(beast::string_view text) { return {text.data(), text.size()}; }

/// False when the header is there more than once. `name`: one that the parser knows, or a text.
template <class Name>
bool take_header(const beast::http::fields& fields, const Name& name, std::optional<std::string>& value) {
  if (fields.count(name) > 1) return false;
  const auto found = fields.find(name);
  if (found != fields.end()) value = text_of(found->value());
  return true;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<char> decoded(std::string_view digits) {
  unsigned int value = 0;
  const char* const end = digits.data() + digits.size();
  if (digits.size() != 2 || std::from_chars(digits.data(), end, value, 16).ptr != end) return std::nullopt;
  return static_cast<char>(static_cast<unsigned char>(value));
}

std::optional<std::string> decoded_text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      out += text[at];
      continue;
    }
    const std::optional<char> byte = decoded(text.substr(at + 1, 2));
    if (!byte) return std::nullopt;
    out += *byte;
    at += 2;
  }
  return out;
}

Reading understood(const beast::http::request<beast::http::empty_body>& message) {
  using beast::http::field;
  if (message.version() != 10 && message.version() != 11) return refused(kBadRequest);
  for (const field name : {field::transfer_encoding, field::expect, field::upgrade}) {
    if (message.count(name) > 0) return refused(kBadRequest);
  }
  Reading reading{.status = Reading::kWhole};
  std::optional<std::string> length;
  if (!take_header(message, field::host, reading.request.host) ||
      !take_header(message, field::origin, reading.request.origin) ||
      !take_header(message, beast::string_view("Sec-Fetch-Site"), reading.request.fetch_site) ||
      !take_header(message, field::content_length, length)) {
    return refused(kBadRequest);
  }
  if (length && *length != "0") return refused(is_number(*length) ? kContentTooLarge : kBadRequest);
  reading.request.method = text_of(message.method_string());
  reading.request.path = text_of(message.target());
  if (!reading.request.path.starts_with('/') || !decoded_text(reading.request.path)) return refused(kBadRequest);
  if (const std::size_t mark = reading.request.path.find('?'); mark != std::string::npos) {
    reading.request.query = reading.request.path.substr(mark + 1);
    reading.request.path.resize(mark);
  }
  return reading;
}

/// The next value of `name`, which is taken off `query` with all that stands before it.
std::optional<std::string> next_value(std::string_view& query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=') {
      std::string value(pair.substr(name.size() + 1));
      std::ranges::replace(value, '+', ' ');  // as forms write a blank
      return decoded_text(value);
    }
  }
  return std::nullopt;
}

}  // namespace

Reading read_request(std::string_view bytes) {
  const std::string_view begun = bytes.substr(0, kHeadSizeMax);
  const std::size_t end = begun.find("\r\n\r\n");
  const bool is_whole = end != std::string_view::npos;
  const std::string_view head = is_whole ? begun.substr(0, end + 4) : begun;
  if (has_doubtful_line(head)) return refused(kBadRequest);
  if (!is_whole) return refused(bytes.size() >= kHeadSizeMax ? kHeadTooLarge : Reading::kIncomplete);

  beast::http::request_parser<beast::http::empty_body> parser;
  parser.header_limit(static_cast<std::uint32_t>(kHeadSizeMax));
  parser.body_limit(
      std::numeric_limits<std::uint64_t>::max());  // each length is refused below, with the status that names it
  parser.eager(false);
  beast::error_code error;
  parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error || !parser.is_header_done()) return refused(kBadRequest);
  Reading reading = understood(parser.get());
  reading.size = head.size();
  return reading;
}

std::optional<std::string> query_value(std::string_view query, std::string_view name) {
  return next_value(query, name);
}

QueryValues query_values(std::string_view query, std::string_view name, std::size_t count_max) {
  QueryValues found;
  while (std::optional<std::string> value = next_value(query, name)) {
    if (found.values.size() < count_max) {
      found.values.push_back(std::move(*value));
    } else {
      ++found.left_out;
    }
  }
  return found;
}

}  // namespace distflow::http
