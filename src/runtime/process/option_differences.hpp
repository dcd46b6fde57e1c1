// Which options a second start() asks for that the running node does not have.
//
// A pure function; any thread.
// Use: std::string names = differing_options(options, running);
#pragma once

#include <string>

#include <distflow/node_options.hpp>

namespace distflow::runtime {

/// The names of those of `wanted` that differ from the default and from `running`: "alias, port, mailbox.max_size".
/// Empty when there are none. An option with its default value is not compared.
std::string differing_options(const NodeOptions& wanted, const NodeOptions& running);

}  // namespace distflow::runtime
