#include "runtime/node/registry_choice.hpp"

#include "runtime/node/pmd_registry.hpp"

namespace distflow::runtime {

std::unique_ptr<RegistryClient> make_registry_client(const RegistryParts& parts, const NodeOptions& options) {
  return std::make_unique<PmdRegistry>(parts, options);
}

}  // namespace distflow::runtime
