// Whether a node can be started with its options: each that cannot be is named, before anything has been started. And
// where its PMD is.
//
// Any thread; pure functions, except the one that reads the environment.
// Use: if (Result<void> checked = check_options(options); !checked) return checked.error();
#pragma once

#include <distflow/node_options.hpp>
#include <distflow/result.hpp>

#include "pmd/pmd_address.hpp"

namespace distflow::runtime {

/// Errc::invalid_option, or Errc::invalid_address for a host that is none; the error's action names the option.
Result<void> check_options(const NodeOptions& options);

/// The part of it that subscriptions have, too.
Result<void> check_mailbox_options(const MailboxLimits& mailbox, const ConflateBy& conflate_by);

/// `options`, with the host and port of `address` where they have none.
NodeOptions at_pmd(NodeOptions options, const pmd::PmdAddress& address);

/// The same with the address in DISTFLOW_PMD_ADDR, or the default. Errc::invalid_address when the variable is needed
/// and cannot be parsed; the error's action names it.
Result<NodeOptions> at_pmd_of_environment(const NodeOptions& options);

}  // namespace distflow::runtime
