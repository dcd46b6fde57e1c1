#include "bench/node/loop.hpp"

#include <utility>

#include "io/backend_choice.hpp"

namespace distflow::bench {
namespace {

/// Longer than any answer of a server that lives.
constexpr base::Duration kPatience = base::seconds(30);

std::unique_ptr<io::Backend> backend_for(const Setup& setup, base::ChunkPool& chunks) {
  const std::string name = setup.other("--backend", "");
  const Result<io::BackendKind> kind =
      name.empty() ? io::backend_kind_from_environment() : io::parse_backend_kind(name);
  if (!kind) give_up(kind.error().message());
  Result<io::SelectedBackend> selected = io::select_backend(*kind, chunks);
  if (!selected) give_up(selected.error().message());
  // A figure of another backend than the one asked for would deceive.
  if (!selected->fallback_reason.empty()) give_up(selected->fallback_reason);
  return std::move(selected->backend);
}

}  // namespace

Loop::Loop(const Setup& setup)
    : receive_chunks_({}),
      blocks_({.chunk_size = 16 * 1024, .chunk_count_max = 4096}),
      out_chunks_({}),
      reactor_(backend_for(setup, receive_chunks_), {.spin = setup.spins ? base::Duration(kSpin) : base::Duration(0)}),
      out_(out_chunks_),
      stream_options_{.fast_loopback = setup.congestion.empty() || setup.congestion == "reno"} {}

/// Whoever had handles has closed them: what is left is to see them closed.
Loop::~Loop() {
  while (reactor_.backend().handle_count() > 0) turn();
}

transport::EncodedFrame Loop::encode(std::string_view body) {
  out_.begin_frame();
  out_.append(body);
  if (out_.is_out_of_memory()) give_up("no memory is left for frames");
  return out_.end_frame();
}

void Loop::turn() {
  const base::Instant give_up_at = base::saturating_add(reactor_.now(), kPatience);
  reactor_.turn(give_up_at);
  if (reactor_.now() >= give_up_at) give_up("nothing has come for half a minute");
}

}  // namespace distflow::bench
