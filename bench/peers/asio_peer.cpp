// Standalone Asio as a contestant: a stream of frames over TCP, written with care on its event loop.
//
//     bench_peer_asio echo|sink|source|ping [--spin] [--congestion NAME] ...
//
// Settings, by their names in Asio's reference:
//   io_context{1}             a hint that one thread runs the loop, which then takes no locks
//   tcp::no_delay             on
//   async_read_some           into 256 KiB; async_write of 64 KiB or more, while further frames gather
// There is nothing of a framework here: no names, checks and bounds. It shows what the loop costs.
#include "bench/peers/asio_link.hpp"
#include "bench/peers/roles.hpp"

int main(int argc, char** argv) {
  const auto setup = distflow::bench::set_up(argc, argv);
  distflow::bench::AsioLink link(setup);
  distflow::bench::play(link, setup);
}
