// Why a node does not start, in words that name the place: host and port, who holds the alias, where the PMD's program
// was looked for.
//
// Any thread; pure, except that the environment and the file system are asked where a program is. Without memory for
// the words, an error is its code alone.
// Use: return fail_start(unreachable_pmd(why, options));
#pragma once

#include <string_view>

#include <distflow/error.hpp>
#include <distflow/node_options.hpp>

#include "protocol/pmd_node.hpp"

namespace distflow::runtime {

/// What this process lacks or is not allowed, with what can be done about it where that is known.
StartError own_failure(const Error& why) noexcept;

/// Of an attempt to reach the PMD. Its code is Errc::pmd_silent, erlang_epmd, not_a_pmd, name_not_found, that of what
/// this process lacks (descriptors, memory, permission), and Errc::pmd_unreachable for all else.
StartError unreachable_pmd(const Error& why, const NodeOptions& options) noexcept;
/// Of a PMD that answers, and has not registered the node in time.
StartError unanswered_registration(const NodeOptions& options) noexcept;
/// Of an attempt to start a PMD.
StartError unstarted_pmd(const Error& why, const NodeOptions& options) noexcept;
/// Of a registration. `text` is the PMD's; `holder` is the node that has the alias, null if the PMD does not report it.
StartError refused_registration(const Error& why, std::string_view text, const protocol::NodeInfo* holder,
                                const NodeOptions& options) noexcept;
/// Of the address that the node listens at.
StartError unusable_address(const Error& why, const NodeOptions& options) noexcept;

}  // namespace distflow::runtime
