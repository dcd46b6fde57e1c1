// The scan, the grammar and rapidjson see one value alike.
//
// Of texts that are JSON the scan accepts each to its end. rapidjson accepts what has a form in UTF-8, and nothing that
// is not JSON: between the two lie texts with half a surrogate pair, of which it refuses the first half only, and
// numbers beyond double, of which it refuses some. It is not asked about nesting beyond the limit.
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <cstddef>
#include <cstdint>
#include <distflow/json.hpp>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/json_scan.hpp"

namespace {

using namespace distflow;
using namespace distflow::protocol;

enum class Verdict { accepted, number_too_big, refused };

Verdict ask_rapidjson(std::string_view text) {
  constexpr unsigned kFlags =
      rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::BaseReaderHandler<> handler;
  rapidjson::Reader reader;
  const rapidjson::ParseResult result = reader.Parse<kFlags>(stream, handler);
  if (result.Code() == rapidjson::kParseErrorNumberTooBig) return Verdict::number_too_big;
  return !result.IsError() && stream.Tell() == text.size() ? Verdict::accepted : Verdict::refused;
}

void check_scan(std::string_view text) {
  const char* const end = text.data() + text.size();
  const char* const after = scan_value(skip_space(text.data(), end), end);
  DF_ASSERT(after != nullptr && skip_space(after, end) == end);
}

/// What a document is written as is JSON, and stays the same when read again.
void check_document(std::string_view text) {
  const auto document = parse_json(text);
  if (!document) return;
  const std::string written = to_json(*document);
  DF_ASSERT(is_json(written));
  const auto again = parse_json(written);
  DF_ASSERT(again && to_json(*again) == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool json = is_json(text);
  const bool decodable = is_json(text, LoneSurrogates::refuse);
  const Verdict verdict = ask_rapidjson(text);
  if (json) check_scan(text);
  DF_ASSERT(json || !decodable);
  DF_ASSERT(json || verdict != Verdict::accepted || size > kDepthMax);
  DF_ASSERT(!decodable || verdict != Verdict::refused);
  DF_ASSERT(decodable || !parse_json(text));
  check_document(text);

  const char* const after = scan_value(text.data(), text.data() + size);
  if (after != nullptr) DF_ASSERT(scan_value(text.data(), after) == after);
  return 0;
}
