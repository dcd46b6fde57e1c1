#include "io/sim/backend.hpp"

namespace distflow::io::sim {
namespace {

struct LoneProcess {
  Network network{NetworkOptions{}};
  Process process{network, Process::Pace::alone};
};

}  // namespace

Result<std::unique_ptr<io::Backend>> make_lone_backend(base::ChunkPool& chunks) {
  const auto lone = std::make_shared<LoneProcess>();
  return Backend::create(chunks, ProcessPtr(lone, &lone->process));
}

}  // namespace distflow::io::sim
