#include "io/address.hpp"

#include <gtest/gtest.h>

namespace distflow::io {
namespace {

TEST(Address, numeric_hosts_are_read_and_written_alike) {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "::", "fe80::1%2", "2001:db8::7"}) {
    const Result<Address> address = Address::parse(host, 4369);
    ASSERT_TRUE(address) << host;
    EXPECT_EQ(address->host(), host);
    EXPECT_EQ(address->port, 4369);
  }
}

TEST(Address, text_puts_brackets_around_ipv6) {
  EXPECT_EQ(Address::ipv4_loopback(80).to_string(), "127.0.0.1:80");
  EXPECT_EQ(Address::ipv6_loopback(65535).to_string(), "[::1]:65535");
}

TEST(Address, what_is_no_numeric_address_is_refused) {
  using namespace std::string_view_literals;
  for (const std::string_view host :
       {""sv, "localhost"sv, "127.0.0"sv, "127.0.0.1.5"sv, "256.0.0.1"sv, "127.0.0.1 "sv, " ::1"sv, "[::1]"sv, ":::1"sv,
        "::1%"sv, "::1%eth0"sv, "::1%-1"sv, "::1%4294967296"sv, "1"sv, "127.0.0.1:80"sv}) {
    const Result<Address> address = Address::parse(host, 1);
    ASSERT_FALSE(address) << host;
    EXPECT_EQ(address.error(), Errc::invalid_address);
  }
  EXPECT_FALSE(Address::parse(std::string(1000, '1'), 1));
}

TEST(Address, a_nul_does_not_end_a_host_early) {
  using namespace std::string_view_literals;
  EXPECT_FALSE(Address::parse("127.0.0.1\0.evil.example"sv, 1));
  EXPECT_FALSE(Address::parse("::1\0"sv, 1));
}

TEST(Address, only_ipv6_has_a_zone) { EXPECT_FALSE(Address::parse("127.0.0.1%5", 1)); }

TEST(Address, loopback_is_recognised_in_each_of_its_forms) {
  for (const char* host : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(Address::parse(host, 1)->is_loopback()) << host;
  }
  for (const char* host : {"128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:10.0.0.1", "::127.0.0.1"}) {
    EXPECT_FALSE(Address::parse(host, 1)->is_loopback()) << host;
  }
}

}  // namespace
}  // namespace distflow::io
