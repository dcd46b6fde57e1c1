// For tests of a node's parts: an intake whose node shares no connections.
//
// Use: runtime::SharedIntake intake{..., .observer = unshared};
#pragma once

#include "runtime/intake.hpp"

namespace distflow::test {

class Unshared final : public runtime::IntakeObserver {
  void on_notice(std::string_view, const protocol::ConnectionNotice&, const transport::Connection&,
                 runtime::Carrier*) override {}
};

}  // namespace distflow::test
