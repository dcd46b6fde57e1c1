// The broker role of distflow: its PMD, on a port that the system chooses.
//
// Use: if (setup.role == Role::broker) become_pmd();
#pragma once

namespace distflow::bench {

/// Goes on as the distflow-pmd that lies beside this program, with its report of being ready as this one's.
[[noreturn]] void become_pmd();

}  // namespace distflow::bench
