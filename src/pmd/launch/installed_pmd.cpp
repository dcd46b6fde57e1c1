// Includes no other header of ours: cmake/Install.cmake compiles it by itself.
#include "pmd/launch/installed_pmd.hpp"

namespace distflow::pmd {

const char* installed_pmd() { return DISTFLOW_INSTALLED_PMD; }

}  // namespace distflow::pmd
