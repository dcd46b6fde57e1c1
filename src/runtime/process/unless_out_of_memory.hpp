// Where memory ends, so does the call of a public function, and the node goes on.
#pragma once

#include <new>

#include "runtime/process/node_host.hpp"

namespace distflow::runtime {

/// What every public function that may allocate runs in: where memory ends, so does the call, with `otherwise`. What it
/// calls has done all of its work then, or none.
template <class T, class Call>
T unless_out_of_memory(NodeHost& host, T otherwise, Call&& call) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    host.note_out_of_memory();
    return otherwise;
  }
}

}  // namespace distflow::runtime
