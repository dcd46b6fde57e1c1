#include "testing/seat.hpp"

namespace distflow::testing {
namespace {

pmd::ServerOptions server_options() {
  pmd::ServerOptions options;
  options.process_id = 1;  // the same in every run
  return options;
}

base::LogLevel level_of(const io::sim::Network& network) {
  return network.is_traced() ? base::LogLevel::debug : base::LogLevel::error;
}

}  // namespace

PmdSeat::PmdSeat(io::sim::Network& network, std::string name)
    : Seat(network, std::move(name)),
      receive_chunks_({.chunk_size = 16 * 1024, .chunk_count_max = 64}),
      reactor_(*io::sim::make_backend(process(), receive_chunks_), {}),
      log_(level_of(network), base::LogSink::to<&PmdSeat::on_log>(*this)),
      server_(reactor_, stream_setup_, log_, server_options()) {
  const Result<void> started = server_.start();
  DF_ASSERT(started);  // one PMD at a time has the port
}

Result<std::unique_ptr<io::Backend>> NodeSeat::make_backend(base::ChunkPool& chunks) {
  return io::sim::make_backend(process(), chunks);
}

Result<std::shared_ptr<runtime::NodeHost>, StartError> NodeSeat::begin(const NodeOptions& options) {
  Result<std::shared_ptr<runtime::NodeHost>, StartError> host =
      runtime::NodeHost::begin_at(shared_from_this(), options);
  if (host) host_ = *host;
  return host;
}

}  // namespace distflow::testing
