// Says which program it would start as PMD, and which I/O backend its environment asks for. For the tests that run it
// as a set-user-ID program.
#include <cstdio>
#include <string>

#include "io/backend_choice.hpp"
#include "pmd/launch/launcher.hpp"

int main() {
  const distflow::Result<std::string> program = distflow::pmd::find_pmd_program();
  const distflow::Result<distflow::io::BackendKind> backend = distflow::io::backend_kind_from_environment();
  std::printf("%s\n%s\n", program ? program->c_str() : "none", backend ? "a backend" : "no such backend");
}
