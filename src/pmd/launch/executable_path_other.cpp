// Of systems that nobody has looked up: the daemon is then found on the PATH, or named by DISTFLOW_PMD.
#include "pmd/launch/executable_path.hpp"

namespace distflow::pmd {

std::filesystem::path executable_path() { return {}; }

}  // namespace distflow::pmd
