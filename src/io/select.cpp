#include "io/select.hpp"

#include <cstdlib>

#include "io/readiness_backend.hpp"

#if defined(__linux__)
#include "io/epoll/epoll_poller.hpp"
namespace distflow::io {
using NativePoller = EpollPoller;
inline constexpr BackendKind kNativeKind = BackendKind::epoll;
}  // namespace distflow::io
#else
#error "no backend for this system yet: src/io has epoll (Linux)"
#endif

namespace distflow::io {

Result<BackendKind> parse_backend_kind(std::string_view text) {
  if (text == "auto") return BackendKind::automatic;
  if (text == "epoll") return BackendKind::epoll;
  if (text == "kqueue") return BackendKind::kqueue;
  if (text == "uring") return BackendKind::uring;
  return Error{Errc::invalid_option, "reading the name of an I/O backend (auto, epoll, kqueue or uring)"};
}

Result<BackendKind> backend_kind_from_environment() {
  const char* text = std::getenv("DISTFLOW_IO");
  return text == nullptr || *text == '\0' ? BackendKind::automatic : parse_backend_kind(text);
}

Result<SelectedBackend> select_backend(BackendKind kind, base::ChunkPool& chunks) {
  Result<std::unique_ptr<Backend>> native = ReadinessBackend<NativePoller>::create(chunks);
  if (!native) return native.error();
  SelectedBackend selected{.backend = std::move(*native), .fallback_reason = {}};
  if (kind != BackendKind::automatic && kind != kNativeKind) {
    selected.fallback_reason =
        "the I/O backend asked for is not built for this system; using " + std::string(selected.backend->name());
  }
  return selected;
}

}  // namespace distflow::io
