// A connection to a PMD that asks: one thing at a time, or many in a row with a number of them under way.
//
// Loop thread only. What the PMD refuses ends the process.
// Use: PmdSession pmd(loop, address); const auto node = *pmd.ask(protocol::resolve_request("", "pong")).node;
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bench/node/client.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::bench {

/// Whether the body of an answer says no. Cheaper than to parse it, for who gets many.
[[nodiscard]] inline bool is_refusal(std::string_view body) {
  return body.find(R"("payload":{"error")") != std::string_view::npos;
}

class PmdSession {
 public:
  PmdSession(Loop& loop, const io::Address& pmd)
      : loop_(loop), client_(loop, 0, Client::OnFrame::to<&PmdSession::on_frame>(*this)) {
    client_.connect(pmd);
    loop_.turn_until([this] { return client_.is_connected(); });
  }

  /// Waits for the answer.
  protocol::Response ask(const std::string& request) {
    text_.clear();
    pipeline(1, 1, [&](std::uint64_t) { return request; });
    Result<protocol::Reply> reply = protocol::parse_reply(text_);
    auto* response = reply ? std::get_if<protocol::Response>(&reply.value()) : nullptr;
    if (response == nullptr) give_up("the PMD does not answer as one");
    return std::move(*response);
  }

  /// Makes `count` requests, `request(i)` each, of which `window` are under way, and waits for all answers.
  template <class MakeRequest>
  void pipeline(std::uint64_t count, std::uint64_t window, MakeRequest request) {
    answered_ = 0;
    for (std::uint64_t asked = 0; answered_ < count;) {
      for (; asked < count && asked - answered_ < window; ++asked) client_.send(loop_.encode(request(asked)));
      loop_.turn_until([&, before = answered_] { return answered_ > before; });
    }
  }

 private:
  void on_frame(Client&, std::string_view body) {
    if (is_refusal(body)) give_up("the PMD refuses: " + std::string(body));
    if (answered_++ == 0) text_ = body;
  }

  Loop& loop_;
  Client client_;
  std::uint64_t answered_ = 0;
  std::string text_;  // the first answer
};

}  // namespace distflow::bench
