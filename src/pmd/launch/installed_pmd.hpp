// Where distflow-pmd was installed together with this library.
//
// A constant; any thread. `cmake --install` compiles installed_pmd.cpp anew for the prefix that it is given.
#pragma once

namespace distflow::pmd {

/// The path of distflow-pmd; empty where none was said when the library was built.
extern const char* const kInstalledPmd;

}  // namespace distflow::pmd
