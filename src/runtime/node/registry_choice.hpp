// Which registry a node has: the only place of the library that names an implementation of RegistryClient.
//
// Loop thread only.
// Use: std::unique_ptr<RegistryClient> registry = make_registry_client(parts, options);
#pragma once

#include <memory>

#include <distflow/node_options.hpp>

#include "runtime/node/registry_client.hpp"

namespace distflow::runtime {

/// The client of the registry that `options`, which have been checked, ask for. It is not started yet. All that `parts`
/// names must outlive it; the options are copied. May throw std::bad_alloc.
[[nodiscard]] std::unique_ptr<RegistryClient> make_registry_client(const RegistryParts& parts,
                                                                   const NodeOptions& options);

}  // namespace distflow::runtime
