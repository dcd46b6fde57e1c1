// For tests of a node's parts: an reader whose node shares no connections.
//
// Use: runtime::ReaderParts reader_parts{..., .observer = no_control_frames};
#pragma once

#include "runtime/receive/message_reader.hpp"

namespace distflow::test {

class NullControlFrameObserver final : public runtime::ControlFrameObserver {
  void on_control_frame(std::string_view, const protocol::ControlFrame&, const transport::Connection&,
                        runtime::Carrier*) override {}
};

}  // namespace distflow::test
