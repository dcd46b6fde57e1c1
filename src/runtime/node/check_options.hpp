// Whether a node can be started with its options: each that cannot be is named, before anything has been started. And
// where its PMD is.
//
// Any thread; pure, but for what asks the environment.
// Use: if (Result<void> checked = check_options(options); !checked) return checked.error();
#pragma once

#include <distflow/node_options.hpp>
#include <distflow/result.hpp>

#include "pmd/pmd_address.hpp"

namespace distflow::runtime {

/// Errc::invalid_option, or Errc::invalid_address for a host that is none; what was being done names the option.
Result<void> check_options(const NodeOptions& options);

/// `options` with the host and port of `address` where they say none.
NodeOptions at_pmd(NodeOptions options, const pmd::PmdAddress& address);

/// The same with what DISTFLOW_PMD_ADDR says, or the default. Errc::invalid_address when the variable is needed and
/// cannot be read; what was being done names it.
Result<NodeOptions> at_pmd_of_environment(const NodeOptions& options);

}  // namespace distflow::runtime
