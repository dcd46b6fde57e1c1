// Writes replies into their frames, and hands each to its session.
//
// Loop thread only. A session whose reply there is no memory for is closed, and counted.
// Use: ReplyWriter replies(chunks, counters); replies.reply(session, protocol::success_response(id));
#pragma once

#include <string_view>

#include "pmd/server/options.hpp"
#include "pmd/server/session.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::pmd {

class ReplyWriter {
 public:
  /// Both must outlive the writer.
  ReplyWriter(base::ChunkPool& chunks, ServerCounters& counters) : counters_(counters), out_(chunks) {}

  void reply(Session& session, std::string_view body) {
    const std::optional<transport::EncodedFrame> frame = out_.encode(body);
    if (!frame) {
      ++counters_.out_of_memory;
      return session.close({Errc::out_of_memory, "writing a reply"});
    }
    session.reply(*frame);
  }

 private:
  ServerCounters& counters_;
  transport::OutBuffer out_;
};

}  // namespace distflow::pmd
