#include "pmd/pmd_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::pmd {
namespace {

TEST(PmdAddress, is_read_from_host_and_port) {
  EXPECT_EQ(*parse_pmd_address("127.0.0.1:7000"), (PmdAddress{"127.0.0.1", 7000}));
  EXPECT_EQ(*parse_pmd_address("pmd.example:1"), (PmdAddress{"pmd.example", 1}));
  EXPECT_EQ(*parse_pmd_address("[::1]:65535"), (PmdAddress{"::1", 65535}));
  EXPECT_EQ(*parse_pmd_address("[fe80::1%2]:7000"), (PmdAddress{"fe80::1%2", 7000}));
}

TEST(PmdAddress, has_the_default_port_where_none_is_said) {
  EXPECT_EQ(*parse_pmd_address("10.0.0.1"), (PmdAddress{"10.0.0.1", kDefaultPort}));
  EXPECT_EQ(*parse_pmd_address("[::1]"), (PmdAddress{"::1", kDefaultPort}));
}

TEST(PmdAddress, what_is_none_is_refused) {
  for (const char* text : {"",           ":",          ":7000",       "host:",        "host:0",
                           "host:65536", "host:-1",    "host:+1",     "host: 7000",   "host:7x",
                           "::1",        "::1:7000",   "[::1",        "[]:7000",      "[::1]7000",
                           "[::1]:",     "ho st:7000", "host:7000\n", "[[::1]]:7000", "http://host:7000"}) {
    const Result<PmdAddress> address = parse_pmd_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_EQ(address.error(), Errc::invalid_address) << text;
  }
  EXPECT_FALSE(parse_pmd_address(std::string(256, 'h') + ":1"));
  EXPECT_TRUE(parse_pmd_address(std::string(255, 'h') + ":1"));
}

}  // namespace
}  // namespace distflow::pmd
