// What a load generator turns: a backend, its reactor, and memory for frames.
//
// One thread.
// Use: Loop loop(setup); ... loop.turn_until([&] { return is_answered; });
#pragma once

#include <memory>
#include <string_view>

#include "base/chunk_pool.hpp"
#include "bench/contestant/contestant.hpp"
#include "io/reactor.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::bench {

class Loop {
 public:
  /// On `--backend NAME`, else on DISTFLOW_IO's.
  explicit Loop(const Setup& setup);
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] io::Reactor& reactor() { return reactor_; }
  [[nodiscard]] base::ChunkPool& blocks() { return blocks_; }
  [[nodiscard]] transport::OutBuffer& out() { return out_; }
  /// With the congestion control asked for, which is either reno or the system's.
  [[nodiscard]] const io::StreamOptions& stream_options() const { return stream_options_; }

  /// Gives up when nothing happens for long.
  template <class Condition>
  void turn_until(Condition condition) {
    while (!condition()) turn();
  }

  /// A frame with that body, good until the next one is made.
  transport::EncodedFrame encode(std::string_view body);

 private:
  void turn();

  base::ChunkPool receive_chunks_;
  base::ChunkPool blocks_;
  base::ChunkPool out_chunks_;
  io::Reactor reactor_;
  transport::OutBuffer out_;
  const io::StreamOptions stream_options_;
};

}  // namespace distflow::bench
