// The request for the page: who may have it opened, and what comes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "protocol/pmd_reply.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::uint32_t kUser = 1001;
constexpr const char* kAsks = R"({"port":4370})";

ServerOptions options() {
  ServerOptions options;
  options.user = kUser;
  return options;
}
std::string refusal(std::string_view why) { return protocol::error_response(R"("r")", why); }

class WebRequest : public ::testing::Test {
 public:
  Result<std::uint16_t> open(std::uint16_t port) {
    asked_.push_back(port);
    if (error_) return *error_;
    return port;
  }

 protected:
  void SetUp() override { ASSERT_TRUE(pmd_.start()); }

  void serve() { pmd_.server().set_open_page(RequestHandler::OpenPage::to<&WebRequest::open>(*this)); }
  MemoryPmd::PeerId connect_as(io::PeerOwner owner, const io::Address& from = io::Address::ipv4_loopback(50'000)) {
    const auto peer = pmd_.connect(from);
    pmd_.network().set_owner(peer, owner);
    return peer;
  }
  std::string ask_as(io::PeerOwner owner, const std::string& payload = kAsks) {
    return pmd_.ask(connect_as(owner), request_text("web", payload));
  }
  std::uint64_t refused_count() { return pmd_.server().counters().webs_refused; }

  MemoryPmd pmd_{options()};
  std::vector<std::uint16_t> asked_;
  std::optional<Error> error_;
};

TEST_F(WebRequest, the_user_of_the_pmd_and_root_are_told_the_port) {
  serve();
  const std::string opened = R"({"type":"response","requestId":"r","payload":{"success":true,"port":4370}})";
  EXPECT_EQ(ask_as(io::PeerOwner::user(kUser)), opened);
  EXPECT_EQ(ask_as(io::PeerOwner::user(0)), opened);
  EXPECT_THAT(asked_, ElementsAre(4370, 4370));
  EXPECT_EQ(refused_count(), 0u);
}

TEST_F(WebRequest, nobody_else_has_it_opened_whatever_the_request_says) {
  serve();
  const std::string denied = refusal(protocol::kWebDenied);
  EXPECT_EQ(ask_as(io::PeerOwner::user(kUser + 1)), denied);
  EXPECT_EQ(ask_as(io::PeerOwner()), denied) << "the system does not say who it is";
  EXPECT_EQ(ask_as(io::PeerOwner::user(kUser + 1), R"({"port":4370,"uid":1001,"user":0})"), denied);
  const auto far = connect_as(io::PeerOwner::user(0), *io::Address::parse("10.0.0.9", 50'000));
  EXPECT_EQ(pmd_.ask(far, request_text("web", kAsks)), denied) << "from another machine";
  EXPECT_THAT(asked_, IsEmpty());
  EXPECT_EQ(refused_count(), 4u);
}

TEST_F(WebRequest, without_a_user_of_its_own_a_pmd_opens_it_for_root_alone) {
  MemoryPmd pmd;
  ASSERT_TRUE(pmd.start());
  pmd.server().set_open_page(RequestHandler::OpenPage::to<&WebRequest::open>(*this));
  const auto peer = pmd.connect();
  pmd.network().set_owner(peer, io::PeerOwner::user(kUser));
  EXPECT_EQ(pmd.ask(peer, request_text("web", kAsks)), refusal(protocol::kWebDenied));
  const auto root = pmd.connect();
  pmd.network().set_owner(root, io::PeerOwner::user(0));
  EXPECT_THAT(pmd.ask(root, request_text("web", kAsks)), HasSubstr(R"("port":4370)"));
}

TEST_F(WebRequest, what_keeps_the_page_from_being_opened_is_said_in_words) {
  const auto owner = io::PeerOwner::user(kUser);
  EXPECT_EQ(ask_as(owner), refusal("This PMD has no page to serve")) << "it has nothing that opens one";
  serve();
  for (const char* payload : {"{}", R"({"port":0})", R"({"port":70000})", R"({"port":"4370"})"})
    EXPECT_EQ(ask_as(owner, payload), refusal("port is not an integer from 1 to 65535")) << payload;
  EXPECT_THAT(asked_, IsEmpty());
  error_ = Error{Errc::unsupported, "serving HTTP"};
  EXPECT_EQ(ask_as(owner), refusal("This PMD has no page to serve"));
  error_ = Error{std::make_error_code(std::errc::address_in_use), "listening"};
  EXPECT_EQ(ask_as(owner), refusal("Port 4370 is in use"));
  error_ = Error{std::make_error_code(std::errc::permission_denied), "listening"};
  EXPECT_THAT(ask_as(owner), HasSubstr(R"("error":"Port 4370 is not to be had: )"));
  EXPECT_EQ(refused_count(), 8u);
}

}  // namespace
}  // namespace distflow::pmd
