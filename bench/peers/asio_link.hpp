// A TCP stream of frames over standalone Asio: what a careful person writes who has no framework. A frame is four bytes
// of length and a payload, as in distflow.
//
// One thread. 1. Frames to send gather in a buffer while the one before is on its way. 2. At most kGatheredMax bytes
// gather; then send() runs the loop until there is room. 3. A frame that came is valid until the next call.
// Use: AsioLink link(setup); play(link, setup);
#pragma once

#include <asio.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

class AsioLink {
 public:
  /// Connects, or says where it listens and accepts one connection.
  explicit AsioLink(const Setup& setup);

  void send(std::string_view payload);
  void flush();
  std::string_view receive();
  void answer();
  bool receive_until(std::uint64_t deadline_ns);
  std::vector<std::uint64_t> pace(const Block& block, std::string_view payload);

 private:
  void listen(const std::string& congestion);
  void connect(const std::string& address, const std::string& congestion);
  void start_write();
  void start_read();
  /// Runs what is ready, or waits for it.
  void run_some();
  [[nodiscard]] bool has_frame() const;
  [[nodiscard]] std::size_t frame_size() const;
  std::string_view take_frame();

  const bool spins_;
  std::uint64_t last_work_ns_ = 0;
  asio::io_context context_{1};
  const asio::executor_work_guard<asio::io_context::executor_type> work_{context_.get_executor()};
  asio::ip::tcp::socket socket_{context_};
  std::vector<char> gathered_;
  std::vector<char> leaving_;
  bool writes_ = false;
  bool reads_ = false;
  std::vector<char> received_;
  std::size_t read_ = 0;    ///< where the next frame begins
  std::size_t filled_ = 0;  ///< where received bytes end
};

}  // namespace distflow::bench
