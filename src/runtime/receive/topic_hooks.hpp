// The calls from the receive room to the room of topics (runtime/topic), which lies above it.
//
// Values; the loop's thread. None of them throws.
// Use: TopicHooks hooks{.accept = ..., .take = ...}; reader_parts.topics = &hooks;
#pragma once

#include <string_view>

#include "base/delegate.hpp"
#include "runtime/receive/mail.hpp"

namespace distflow::runtime {

struct TopicHooks {
  /// Whether this node subscribes to what a message is addressed to, which is not its nodeId. take() follows then, or
  /// the message is lost for lack of memory.
  base::Delegate<bool(std::string_view to)> accept{};
  /// The message. The caller keeps its lease.
  base::Delegate<void(const Mail& mail)> take{};
};

}  // namespace distflow::runtime
