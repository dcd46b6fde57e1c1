// What must hold of a message reader between two turns; for the simulator and tests, and linked into nothing else.
#include <algorithm>

#include "runtime/receive/message_reader.hpp"

namespace distflow::runtime {

const char* MessageReader::broken_invariant() const {
  if (charged_ > shared_.incomplete_bytes) return "incomplete messages are not charged to their node";
  if (!connection_.is_open()) return nullptr;
  const auto times = std::count(shared_.blocked.begin(), shared_.blocked.end(), this);
  if (refused_.empty()) {
    if (times != 0) return "a reader waits for room in the mailbox, and has nothing for it";
    return notice_ != nullptr ? "a control frame waits, and no message is before it" : nullptr;
  }
  if (times != 1) return "messages that the mailbox refused are not offered again, once";
  return connection_.is_paused() ? nullptr
                                 : "a connection is read from while its messages wait for room in the mailbox";
}

}  // namespace distflow::runtime
