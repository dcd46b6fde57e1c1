// Where distflow-pmd was installed together with this library.
//
// Any thread. The archive has installed_pmd.cpp, which `cmake --install` compiles anew for the prefix that it is given.
// The shared library has installed_pmd_shared.cpp instead: it looks from where it lies itself, and may be moved with
// its daemon.
#pragma once

namespace distflow::pmd {

/// The path of distflow-pmd; empty where none was set when the library was built. Never null; lives as long as the
/// library does.
const char* installed_pmd();

}  // namespace distflow::pmd
