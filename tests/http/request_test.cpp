// Requests read from bytes: what is refused, and that nothing depends on how they were cut.
#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "http/request.hpp"

namespace distflow::http {
namespace {

constexpr const char* kPlain = "GET /api/nodes?limit=7&after=a%20b HTTP/1.1\r\nHost: localhost:80\r\nOrigin: x\r\n\r\n";

TEST(Request, its_method_path_query_host_and_origin_are_read) {
  const Reading reading = read_request(kPlain);
  ASSERT_EQ(reading.status, Reading::kWhole);
  EXPECT_EQ(reading.request.method, "GET");
  EXPECT_EQ(reading.request.path, "/api/nodes");
  EXPECT_EQ(reading.request.query, "limit=7&after=a%20b");
  EXPECT_EQ(reading.request.host, "localhost:80");
  EXPECT_EQ(reading.request.origin, "x");
}

TEST(Request, every_beginning_of_it_is_incomplete) {
  const std::string whole = kPlain;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(read_request(whole.substr(0, size)).status, Reading::kIncomplete) << size;
  }
}

TEST(Request, what_two_readers_could_understand_differently_is_refused) {
  const std::string line = "GET / HTTP/1.1\r\n";
  const std::vector<std::string> corpus = {
      "GET / HTTP/1.1\nHost: a\n\n",
      line + "Host: a\n\r\n",
      line + "Host: a\r\n b\r\n\r\n",
      line + "Host: a\r\n\tb\r\n\r\n",
      line + " Host: a\r\n\r\n",
      line + "Host: a\r\nHost: b\r\n\r\n",
      line + "Host: a\r\nhost: a\r\n\r\n",
      line + "Host: a\r\nOrigin: a\r\nOrigin: b\r\n\r\n",
      line + "Host: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
      line + "Host: a\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n",
      line + "Host: a\r\nContent-Length: -1\r\n\r\n",
      line + "Host: a\r\nContent-Length: 0, 0\r\n\r\n",
      line + "Host: a\r\nContent-Length: +0\r\n\r\n",
      line + "Host: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      line + "Host: a\r\nTransfer-Encoding: identity\r\n\r\n",
      line + "Host: a\r\nExpect: 100-continue\r\n\r\n",
      line + "Host: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
      line + "Host: a\r\nSec-Fetch-Site: none\r\nsec-fetch-site: none\r\n\r\n",
      line + "Host : a\r\n\r\n",
      line + ": a\r\n\r\n",
      line + "Host\r\n\r\n",
      line + std::string("Host: a\0b\r\n\r\n", 13),
      "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET / HTTP/3.0\r\nHost: a\r\n\r\n",
      "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
      "GET /\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1 x\r\nHost: a\r\n\r\n",
      "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET http://localhost/ HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /?after=% HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /?after=%2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /?after=%zz HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /?after=a%-1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /?after=%+1 HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /%?a HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\x16\x03\x01\x02\r\n\r\n",
      "\r\n\r\n",
  };
  for (const std::string& bytes : corpus) EXPECT_EQ(read_request(bytes).status, 400) << bytes;
}

TEST(Request, what_comes_behind_the_head_is_not_looked_at) {
  const std::string head = kPlain;
  for (const char* behind : {"x", "\n", " y\n", "GET / HTTP/1.1\n\n"}) {
    const Reading reading = read_request(head + behind);
    EXPECT_EQ(reading.status, Reading::kWhole) << behind;
    EXPECT_EQ(reading.size, head.size()) << behind;
  }
}

TEST(Request, a_body_and_a_head_that_is_too_long_are_named) {
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n").status, 413);
  EXPECT_EQ(read_request("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n").status, 413);
  const std::string long_header = "GET / HTTP/1.1\r\nX: " + std::string(kHeadSizeMax, 'a');
  EXPECT_EQ(read_request(long_header).status, 431);
  EXPECT_EQ(read_request(long_header.substr(0, kHeadSizeMax - 1)).status, Reading::kIncomplete);
}

TEST(Request, bytes_that_are_changed_at_random_are_read_or_refused_and_never_more_than_that) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE("replay: set the seed of `random` to " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = kPlain;
    for (std::uint32_t changes = random() % 4; changes-- > 0;) {
      const std::size_t at = random() % bytes.size();
      const char byte = static_cast<char>(random() % 256);
      if (random() % 2 == 0) {
        bytes[at] = byte;
      } else {
        bytes.insert(at, 1, byte);
      }
    }
    const Reading reading = read_request(bytes);
    const bool is_known = reading.status == Reading::kIncomplete || reading.status == Reading::kWhole ||
                          reading.status == 400 || reading.status == 413;
    ASSERT_TRUE(is_known) << reading.status;
    if (reading.status == Reading::kWhole) {
      ASSERT_TRUE(reading.request.path.starts_with('/'));
    }
  }
}

TEST(Request, a_value_of_the_query_is_found_and_decoded) {
  EXPECT_EQ(query_value("limit=7&after=a%20%25b", "after"), "a %b");
  EXPECT_EQ(query_value("after=a+b%2Bc", "after"), "a b+c");
  EXPECT_EQ(query_value("limit=7", "after"), std::nullopt);
  EXPECT_EQ(query_value("", "after"), std::nullopt);
  EXPECT_EQ(query_value("&&=&after", "after"), std::nullopt);
  EXPECT_EQ(query_value("after=", "after"), "");
}

TEST(Request, all_values_of_one_name_are_found_in_their_order) {
  const QueryValues found = query_values("id=a&limit=7&id=b%26id%3Dc&ids=d&id=", "id", 3);
  EXPECT_EQ(found.values, (std::vector<std::string>{"a", "b&id=c", ""}));
  EXPECT_EQ(found.left_out, 0u);
  EXPECT_TRUE(query_values("", "id", 3).values.empty());
  EXPECT_TRUE(query_values("limit=7&&=&id", "id", 3).values.empty());
  const QueryValues some = query_values("id=a&id=b&x=c&id=d", "id", 1);
  EXPECT_EQ(some.values, std::vector<std::string>{"a"});
  EXPECT_EQ(some.left_out, 2u);
}

}  // namespace
}  // namespace distflow::http
