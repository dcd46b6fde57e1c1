// Whether a node can be started with its options: each that cannot be is named, before anything has been started.
//
// Pure; any thread.
// Use: if (Result<void> checked = check_options(options); !checked) return checked.error();
#pragma once

#include <distflow/node_options.hpp>
#include <distflow/result.hpp>

namespace distflow::runtime {

/// Errc::invalid_option, or Errc::invalid_address for a host that is none; what was being done names the option.
Result<void> check_options(const NodeOptions& options);

}  // namespace distflow::runtime
