// Bytes are read as an HTTP request, in every cut: as soon as they are understood or refused they stay so, whatever
// comes behind them. What is understood has a path and a query that can be decoded, and is the same when it is read
// again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "http/request.hpp"

namespace {

using namespace distflow;

bool is_known(int status) {
  return status == http::Reading::kIncomplete || status == http::Reading::kWhole || status == 400 || status == 413 ||
         status == 431;
}

bool is_same(const http::Reading& one, const http::Reading& other) {
  const http::Request& a = one.request;
  const http::Request& b = other.request;
  return one.status == other.status && one.size == other.size && a.method == b.method && a.path == b.path &&
         a.query == b.query && a.host == b.host && a.origin == b.origin && a.fetch_site == b.fetch_site;
}

void check(const http::Reading& reading, std::size_t size) {
  DF_ASSERT(is_known(reading.status));
  if (reading.status != http::Reading::kWhole) return;
  DF_ASSERT(reading.size > 0 && reading.size <= size && reading.size <= http::kHeadSizeMax);
  DF_ASSERT(reading.request.path.starts_with('/'));
  DF_ASSERT(!reading.request.method.empty());
  DF_ASSERT(reading.request.path.find('?') == std::string_view::npos);
  for (const char* name : {"after", "limit", ""}) {
    static_cast<void>(http::query_value(reading.request.query, name));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const http::Reading whole = http::read_request(bytes);
  check(whole, size);
  // Long inputs are cut at fewer places: reading each beginning anew takes quadratic time.
  const std::size_t step = 1 + size / 256;
  for (std::size_t cut = 0; cut < size; cut += step) {
    const http::Reading begun = http::read_request(bytes.substr(0, cut));
    check(begun, cut);
    DF_ASSERT(begun.status == http::Reading::kIncomplete || is_same(begun, whole));
  }
  return 0;
}
