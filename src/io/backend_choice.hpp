// Which backend a program runs on: asked for by name, else the best that this system has.
//
// Stateless; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "io/backend.hpp"

namespace distflow::io {

enum class BackendKind { automatic, epoll, kqueue, uring };

/// Which threads turn the loop: the first one alone, or others after it, one at a time.
enum class LoopThread { first_only, changes };

/// From "auto", "epoll", "kqueue", "uring"; Errc::invalid_option for any other text.
Result<BackendKind> parse_backend_kind(std::string_view text);

/// What DISTFLOW_IO asks for; automatic where it is unset or empty, or not to be heeded (base/environment.hpp).
Result<BackendKind> backend_kind_from_environment();

struct SelectedBackend {
  std::unique_ptr<Backend> backend;
  std::string fallback_reason;  ///< why not the one asked for; empty when it is that one
};

/// `chunks` must outlive the backend. A kind that this system lacks falls back to one that it has, and says why.
Result<SelectedBackend> select_backend(BackendKind kind, base::ChunkPool& chunks,
                                       LoopThread thread = LoopThread::first_only);

}  // namespace distflow::io
