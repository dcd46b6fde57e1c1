// Who is answered: the host, the origin, the method, and the user at the other end.
#include <gtest/gtest.h>

#include <vector>

#include "http/access.hpp"

namespace distflow::http {
namespace {

const std::vector<std::uint32_t> kUsers = {1001};

int status_of(const Request& request, io::PeerOwner owner = io::PeerOwner::user(1001), std::uint16_t port = 4370) {
  return access_status(request, {.port = port, .is_localhost = true, .users = kUsers, .owner = owner});
}
Request request_to(const char* host) {
  Request request;
  request.method = "GET";
  request.path = "/";
  request.host = host;
  return request;
}

TEST(Access, the_names_of_loopback_with_the_port_are_answered) {
  EXPECT_EQ(status_of(request_to("localhost:4370")), 200);
  EXPECT_EQ(status_of(request_to("127.0.0.1:4370")), 200);
  EXPECT_EQ(status_of(request_to("[::1]:4370")), 200);
  EXPECT_EQ(status_of(request_to("LocalHOST:4370")), 200) << "names of hosts have no case";
  EXPECT_EQ(status_of(request_to("localhost"), io::PeerOwner::user(1001), 80), 200);
}

TEST(Access, a_name_of_somebody_elses_that_leads_here_is_not_answered) {
  for (const char* host : {"evil.example:4370", "localhost", "localhost:80", "localhost:43700", "127.0.0.1:4370.x",
                           "localhost.evil.example:4370", "x@localhost:4370", "", "LOCALHOST:4370 ", "0.0.0.0:4370"}) {
    EXPECT_EQ(status_of(request_to(host)), 421) << host;
  }
  Request request = request_to("");
  request.host.reset();
  EXPECT_EQ(status_of(request), 421) << "no Host";
}

TEST(Access, localhost_is_answered_only_where_it_leads_nowhere_else) {
  const AccessFacts facts{.port = 4370, .is_localhost = false, .users = kUsers, .owner = io::PeerOwner::user(1001)};
  EXPECT_EQ(access_status(request_to("localhost:4370"), facts), 421);
  EXPECT_EQ(access_status(request_to("127.0.0.1:4370"), facts), 200);
  EXPECT_EQ(access_status(request_to("[::1]:4370"), facts), 200);
}

TEST(Access, what_a_page_from_elsewhere_has_loaded_is_not_answered_without_an_origin_either) {
  Request request = request_to("localhost:4370");
  for (const char* site : {"cross-site", "same-site", "", "SAME-ORIGIN", "none, cross-site"}) {
    request.fetch_site = site;
    EXPECT_EQ(status_of(request), 403) << site;
  }
  for (const char* site : {"same-origin", "none"}) {
    request.fetch_site = site;
    EXPECT_EQ(status_of(request), 200) << site;
  }
}

TEST(Access, a_page_from_elsewhere_is_not_answered) {
  Request request = request_to("localhost:4370");
  for (const char* origin : {"http://evil.example", "null", "", "https://localhost:4370", "http://127.0.0.1:4370",
                             "http://localhost:4371", "http://localhost:4370/"}) {
    request.origin = origin;
    EXPECT_EQ(status_of(request), 403) << origin;
  }
  request.origin = "http://localhost:4370";
  EXPECT_EQ(status_of(request), 200);
}

TEST(Access, only_get_is_known) {
  Request request = request_to("localhost:4370");
  for (const char* method : {"POST", "PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "get", "QUIT"}) {
    request.method = method;
    EXPECT_EQ(status_of(request), 405) << method;
  }
}

TEST(Access, only_root_and_the_users_allowed_are_answered_and_nobody_who_is_not_known) {
  const Request request = request_to("localhost:4370");
  EXPECT_EQ(status_of(request, io::PeerOwner::user(0)), 200);
  EXPECT_EQ(status_of(request, io::PeerOwner::user(1002)), 403);
  EXPECT_EQ(status_of(request, io::PeerOwner()), 403);
  EXPECT_EQ(status_of(request, io::PeerOwner::unknown(io::OwnerStatus::cannot_ask)), 403);
}

}  // namespace
}  // namespace distflow::http
