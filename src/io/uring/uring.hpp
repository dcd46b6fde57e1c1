// io_uring as a backend, where this system has it. The kernel's own headers stay below this one.
//
// Any thread.
//
//     needed                                            Linux   shown by
//     -------------------------------------------------------------------------------------------
//     io_uring itself, and leave to use it              5.1     setting it up (ring.cpp)
//     no completion is lost                             5.5     feature NODROP
//     what is submitted is read at once                 5.5     feature SUBMIT_STABLE
//     sockets are waited for without threads            5.7     feature FAST_POLL
//     waiting with a deadline                           5.11    feature EXT_ARG
//     silence about success                             5.17    feature CQE_SKIP
//     a ring of buffers                                 5.19    registering one (buffer_ring.cpp)
//     accepting many by one submission                  5.19    test_uring()
//     canceling all of a descriptor                     5.19    test_uring()
//     receiving many by one submission                  6.0     test_uring()
//     work deferred until we wait (not required)        6.1     setting it up; without it, at every entry
#pragma once

#include <cstddef>
#include <memory>

#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "io/backend.hpp"

namespace distflow::io {

/// When the kernel runs what completions need of our thread.
enum class UringMode {
  best,         ///< deferred where the kernel has it, else cooperative
  deferred,     ///< while we wait for completions, and at no other time (Linux 6.1)
  cooperative,  ///< whenever we enter the kernel (Linux 5.19)
};

inline constexpr std::size_t kUringModeCount = 3;

struct UringOptions {
  UringMode mode = UringMode::best;
  /// How much can be submitted to the kernel at once; more is submitted in parts.
  unsigned submission_count = 256;
};

/// A backend on io_uring; the error says what this system lacks, and since when Linux has it. The first one of a
/// process and a mode tests the system. `chunks` is what streams receive into; it must outlive the backend. With
/// `cooperative` the loop's thread may change; without a mode it is `best`.
Result<std::unique_ptr<Backend>> make_uring(base::ChunkPool& chunks, UringMode mode);
Result<std::unique_ptr<Backend>> make_uring(base::ChunkPool& chunks);
Result<std::unique_ptr<Backend>> make_uring_untested(base::ChunkPool& chunks, UringOptions options);

/// Whether io_uring does here what the backend asks of it: tried out on a stream of this machine to itself. Takes a
/// millisecond or so, and at most some seconds.
Result<void> test_uring(UringMode mode);

}  // namespace distflow::io
