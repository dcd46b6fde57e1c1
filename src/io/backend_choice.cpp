#include "io/backend_choice.hpp"

#include <algorithm>
#include <iterator>

#include "base/environment.hpp"
#include "io/readiness_backend.hpp"

#if defined(__linux__)
#include "io/epoll/epoll_poller.hpp"
#endif
#ifdef DISTFLOW_HAS_KQUEUE
#include "io/kqueue/kqueue_poller.hpp"
#endif
#ifdef DISTFLOW_HAS_URING
#include "io/uring/uring.hpp"
#endif

namespace distflow::io {
namespace {

struct Name {
  std::string_view text;
  BackendKind kind;
};

constexpr Name kNames[] = {
    {"auto", BackendKind::automatic},
    {"epoll", BackendKind::epoll},
    {"kqueue", BackendKind::kqueue},
    {"uring", BackendKind::uring},
};

struct Candidate {
  BackendKind kind;
  Result<std::unique_ptr<Backend>> (*create)(base::ChunkPool& chunks, LoopThread thread);
};

/// Any thread may wait for descriptors.
template <class Poller>
Result<std::unique_ptr<Backend>> create_with(base::ChunkPool& chunks, LoopThread) {
  return ReadinessBackend<Poller>::create(chunks);
}

#ifdef DISTFLOW_HAS_URING
/// A ring whose work is deferred is for one thread: the kernel refuses all others (io_uring_setup(2), SINGLE_ISSUER).
Result<std::unique_ptr<Backend>> create_uring(base::ChunkPool& chunks, LoopThread thread) {
  return make_uring(chunks, thread == LoopThread::first_only ? UringMode::best : UringMode::cooperative);
}
#endif

/// What is built for this system. The first is the automatic choice, and what the others fall back to: it needs nothing
/// that a system may forbid.
constexpr Candidate kCandidates[] = {
#if defined(__linux__)
    {BackendKind::epoll, &create_with<EpollPoller>},
#endif
#ifdef DISTFLOW_HAS_KQUEUE
    {BackendKind::kqueue, &create_with<KqueuePoller>},
#endif
#ifdef DISTFLOW_HAS_URING
    {BackendKind::uring, &create_uring},
#endif
};

Result<std::unique_ptr<Backend>> create(BackendKind kind, base::ChunkPool& chunks, LoopThread thread) {
  const auto* candidate = std::ranges::find(kCandidates, kind, &Candidate::kind);
  if (candidate != std::end(kCandidates)) return candidate->create(chunks, thread);
  return Error{std::make_error_code(std::errc::not_supported), "looking for it in this build"};
}

}  // namespace

Result<BackendKind> parse_backend_kind(std::string_view text) {
  const auto* name = std::ranges::find(kNames, text, &Name::text);
  if (name != std::end(kNames)) return name->kind;
  return Error{Errc::invalid_option, "reading the name of an I/O backend (auto, epoll, kqueue or uring)"};
}

Result<BackendKind> backend_kind_from_environment() {
  const char* text = base::environment("DISTFLOW_IO");
  return text == nullptr || *text == '\0' ? BackendKind::automatic : parse_backend_kind(text);
}

Result<SelectedBackend> select_backend(BackendKind kind, base::ChunkPool& chunks, LoopThread thread) {
  SelectedBackend selected;
  if (kind != BackendKind::automatic && kind != kCandidates[0].kind) {
    Result<std::unique_ptr<Backend>> asked_for = create(kind, chunks, thread);
    if (asked_for) return SelectedBackend{.backend = std::move(*asked_for), .fallback_reason = {}};
    selected.fallback_reason = asked_for.error().message();
  }
  Result<std::unique_ptr<Backend>> backend = kCandidates[0].create(chunks, thread);
  if (!backend) return backend.error();
  selected.backend = std::move(*backend);
  if (!selected.fallback_reason.empty()) {
    const std::string name(std::ranges::find(kNames, kind, &Name::kind)->text);
    selected.fallback_reason = "the I/O backend " + name + " cannot be used (" + selected.fallback_reason +
                               "); using " + std::string(selected.backend->name());
  }
  return selected;
}

}  // namespace distflow::io
