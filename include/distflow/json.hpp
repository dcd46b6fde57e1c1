// Payloads as rapidjson values. Opt-in: the one public header that needs a third-party library (rapidjson, headers
// only).
//
// Pure functions; any thread. A program that includes it links libdistflow, as any other does.
//
// parse_json() is for text from outside:
//   1. The grammar is checked, arrays and objects nest at most 1024 deep, and parsing is iterative. So is the
//      destruction of the document.
//   2. rapidjson 1.1.0 computes exponents with overflow (CVE-2024-38517). Here it never converts a number.
//
// Use: Result<rapidjson::Document> document = parse_json(message.payload);
//      if (document && document->HasMember("type")) ...
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/writer.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <distflow/node_runtime.hpp>
#include <distflow/result.hpp>
#include <distflow/version.hpp>

namespace distflow {

/// The longest text that parse_json() takes: more than any frame.
inline constexpr std::size_t kJsonTextSizeMax = std::size_t{128} << 20;

namespace detail {

/// JSON by the grammar, of bounded depth, whose strings have a form in UTF-8.
[[nodiscard]] DISTFLOW_API bool is_decodable_json(std::string_view text) noexcept;

/// The double of a number of valid grammar; false when it is out of the range of double.
[[nodiscard]] DISTFLOW_API bool to_double(std::string_view number, double& value);

/// Whether a number of valid grammar, which is known to be out of the range of double, is near zero, not huge.
[[nodiscard]] DISTFLOW_API bool is_near_zero(std::string_view number) noexcept;

// NOLINTBEGIN(readability-identifier-naming): the names that rapidjson calls.

/// Fills a document, and converts the numbers, which it takes as text.
class DocumentBuilder {
 public:
  using Ch = char;
  using Size = rapidjson::SizeType;

  explicit DocumentBuilder(rapidjson::Document& document) : document_(document) {}

  bool Null() { return document_.Null(); }
  bool Bool(bool value) { return document_.Bool(value); }
  bool Int(int value) { return document_.Int(value); }
  bool Uint(unsigned value) { return document_.Uint(value); }
  bool Int64(std::int64_t value) { return document_.Int64(value); }
  bool Uint64(std::uint64_t value) { return document_.Uint64(value); }
  bool Double(double value) { return document_.Double(value); }
  bool String(const char* text, Size size, bool copy) { return document_.String(text, size, copy); }
  bool StartObject() { return document_.StartObject(); }
  bool Key(const char* text, Size size, bool copy) { return document_.Key(text, size, copy); }
  bool EndObject(Size count) { return document_.EndObject(count); }
  bool StartArray() { return document_.StartArray(); }
  bool EndArray(Size count) { return document_.EndArray(count); }

  bool RawNumber(const char* text, Size size, bool) {
    const char* const end = text + size;
    if (std::int64_t value = 0; converts(text, end, value)) return document_.Int64(value);
    if (std::uint64_t value = 0; converts(text, end, value)) return document_.Uint64(value);
    double value = 0;
    if (to_double({text, size}, value)) return document_.Double(value);
    return is_near_zero({text, size}) && document_.Double(*text == '-' ? -0.0 : 0.0);
  }

 private:
  template <class Integer>
  static bool converts(const char* text, const char* end, Integer& value) {
    const auto [after, error] = std::from_chars(text, end, value);
    return error == std::errc() && after == end;
  }

  rapidjson::Document& document_;
};

/// An output stream for rapidjson's Writer.
class StringSink {
 public:
  using Ch = char;

  explicit StringSink(std::string& text) : text_(text) {}

  void Put(char c) { text_.push_back(c); }
  void Flush() {}

 private:
  std::string& text_;
};

/// An output stream for rapidjson's Writer, straight into an outgoing message.
class PayloadSink {
 public:
  using Ch = char;

  explicit PayloadSink(PayloadWriter& out) : out_(out) {}

  void Put(char c) { out_.push_back(c); }
  void Flush() {}

 private:
  PayloadWriter& out_;
};

// NOLINTEND(readability-identifier-naming)

}  // namespace detail

/// The document that `text` holds; white space around it is allowed. Errc::malformed when it is not JSON, is nested too
/// deep, is longer than kJsonTextSizeMax, has half a surrogate pair as an escape, or has a number beyond the range of
/// double. A number with more than 308 digits before the point, or so large an exponent, counts as beyond it without
/// being computed. Numbers too near zero become zero.
[[nodiscard]] inline Result<rapidjson::Document> parse_json(std::string_view text) {
  const Error malformed{make_error_code(Errc::malformed), "parsing JSON"};
  if (text.size() > kJsonTextSizeMax || !detail::is_decodable_json(text)) return malformed;
  rapidjson::Document document;
  bool parsed = false;
  const auto parse_into = [&](rapidjson::Document& handler) {
    constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
    rapidjson::MemoryStream stream(text.data(), text.size());
    detail::DocumentBuilder builder(handler);
    rapidjson::Reader reader;
    parsed = !reader.Parse<flags>(stream, builder).IsError();
    return parsed;
  };
  document.Populate(parse_into);
  if (!parsed) return malformed;
  return document;
}

/// The text of a value, without white space. Empty when the value holds a NaN or an infinity, which JSON does not have.
/// Recursive: give it only values of bounded nesting, such as those of parse_json().
[[nodiscard]] inline std::string to_json(const rapidjson::Value& value) {
  std::string text;
  detail::StringSink sink(text);
  rapidjson::Writer<detail::StringSink> writer(sink);
  if (!value.Accept(writer)) text.clear();
  return text;
}

/// Sends a value, written in place. `target` is a name or a Target. SendVerdict::invalid_json when to_json() would be
/// empty.
template <class Name>
SendVerdict send(NodeRuntime& node, Name&& target, const rapidjson::Value& value) {
  return node.send_with(std::forward<Name>(target), [&value](PayloadWriter& out) {
    detail::PayloadSink sink(out);
    rapidjson::Writer<detail::PayloadSink> writer(sink);
    if (!value.Accept(writer)) out.refuse();
  });
}

}  // namespace distflow
