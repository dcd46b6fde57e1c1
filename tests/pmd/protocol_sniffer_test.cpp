#include "pmd/server/protocol_sniffer.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::pmd {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kLimit = 64 * 1024;

std::string what_is(std::string_view first, std::uint32_t limit = kLimit) {
  const char* what = recognise_foreign(first, limit);
  return what == nullptr ? "" : what;
}

TEST(Foreign, the_beginning_of_a_frame_is_nothing_foreign) {
  for (const std::string_view first : {"\0"sv, "\0\0"sv, "\0\0\xff"sv, "\0\0\0\0"sv, "\0\1\0\0"sv}) {
    EXPECT_EQ(what_is(first), "");
  }
}

TEST(Foreign, epmd_is_recognised_from_three_bytes_since_names_req_has_no_more) {
  EXPECT_EQ(what_is("\0"sv), "");
  EXPECT_EQ(what_is("\0\1"sv), "");
  EXPECT_NE(what_is("\0\1n"sv).find("epmd"), std::string::npos);
}

TEST(Foreign, the_other_requests_of_epmd_are_recognised_too) {
  EXPECT_NE(what_is("\0\x11x\x9c"sv).find("epmd"), std::string::npos);  // ALIVE2_REQ
  EXPECT_NE(what_is("\0\x05zp"sv).find("epmd"), std::string::npos);     // PORT_PLEASE2_REQ
}

TEST(Foreign, with_a_limit_that_allows_it_the_same_bytes_are_a_frame) {
  EXPECT_EQ(what_is("\0\1n"sv, 1 << 20), "");
  EXPECT_EQ(what_is("\0\1n\0"sv, 1 << 20), "");
}

TEST(Foreign, what_else_is_often_found_on_ports_has_its_name) {
  EXPECT_EQ(what_is("GET "), "an HTTP request");
  EXPECT_EQ(what_is("\x16\x03\x01\x02"sv), "a TLS handshake");
  EXPECT_EQ(what_is("SSH-"), "an SSH client");
  EXPECT_EQ(what_is("\xff\0\0\0"sv), "a ZeroMQ greeting");
  EXPECT_EQ(what_is("\x42\0\0\0"sv), "a length in little-endian order");
  EXPECT_EQ(what_is("\x7f\xff\xff\xff"sv), "a frame too long, or no frame at all");
}

TEST(Foreign, anything_beyond_the_limit_has_some_name_and_anything_within_it_has_none) {
  for (const std::uint32_t announced : {kLimit, kLimit + 1, 0u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    const std::string header = {static_cast<char>(announced >> 24), static_cast<char>(announced >> 16),
                                static_cast<char>(announced >> 8), static_cast<char>(announced)};
    EXPECT_EQ(recognise_foreign(header, kLimit) != nullptr, announced > kLimit);
  }
}

}  // namespace
}  // namespace distflow::pmd
