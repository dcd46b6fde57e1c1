// Copies of replies that cannot fail: included by other headers, not by programs.
//
// Any thread.
// Use: KeptReply kept = keep_reply(reply);
#pragma once

#include <new>
#include <string_view>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/send.hpp>

/// @cond
namespace distflow::detail {

/// In the memory of an old one. Without memory the reply is `failed`, with SendVerdict::out_of_memory.
inline KeptReply keep_reply(const Reply& reply, KeptReply old = {}) noexcept {
  KeptReply kept = std::move(old);
  kept.error = reply.error;
  kept.stage = reply.stage;
  kept.verdict = reply.verdict;
  kept.may_have_run = reply.may_have_run;
  kept.took = reply.took;
  try {
    kept.target.assign(reply.target);
    kept.payload.assign(reply.payload);
  } catch (const std::bad_alloc&) {
    kept.payload.clear();
    kept.error = AskError::failed;
    kept.verdict = SendVerdict::out_of_memory;
  }
  return kept;
}

/// Of a request that is not under way.
inline KeptReply refused_reply(std::string_view target, SendVerdict verdict, KeptReply old = {}) noexcept {
  return keep_reply({.target = target,
                     .error = AskError::not_sent,
                     .stage = AskStage::resolving,
                     .verdict = verdict,
                     .may_have_run = false},
                    std::move(old));
}

}  // namespace distflow::detail
/// @endcond
