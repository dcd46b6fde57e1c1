// The broker of NATS: nats-server on a port of its own choice.
#pragma once

namespace distflow::bench {

/// Turns this process into a nats-server, so that whoever started it sees its CPU time and can end it. A child reads
/// the server's log, says `ready HOST:PORT`, and ends with the server.
///
/// Settings, by their names in `nats-server --help`: `--addr` loopback, `--port -1` any free port; else the defaults,
/// in which neither JetStream, monitoring nor a log file is on, and 64 MiB may wait for a client (max_pending).
[[noreturn]] void become_nats_server();

}  // namespace distflow::bench
