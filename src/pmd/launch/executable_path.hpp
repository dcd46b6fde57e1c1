// The path of the program that is running. Declared once here; answered once per system, in a file of its name.
//
// Stateless; any thread.
#pragma once

#include <filesystem>

namespace distflow::pmd {

/// With symbolic links followed; empty where the system does not say.
std::filesystem::path executable_path();

}  // namespace distflow::pmd
