// monitored: a service that logs, writes its metrics to a file, and drains on SIGTERM.
//
//     monitored FILE      writes FILE for Prometheus each second, until SIGINT or SIGTERM
#include <csignal>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>

#include <distflow/node_runtime.hpp>
#include <distflow/stats_text.hpp>

namespace {

/// Under another name first, so that nobody reads half a file.
bool write_metrics(const std::string& path, const distflow::NodeStats& stats) {
  std::ofstream file(path + ".new", std::ios::trunc);
  file << to_prometheus(stats);
  file.close();
  std::error_code error;
  if (file) std::filesystem::rename(path + ".new", path, error);
  return file && !error;
}

/// One line a fact, on the standard error, which systemd keeps in the journal.
void log(const char* what, unsigned long long number) { std::fprintf(stderr, "monitored: %s %llu\n", what, number); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') return std::fputs("Usage: monitored FILE\n", stderr), 2;
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  distflow::NodeOptions options{.alias = "monitored", .threading = distflow::Threading::dispatcher};
  options.log = distflow::LogVerbosity::info;
  auto node = distflow::NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "monitored: %s\n", node.error().message().c_str()), 1;
  node->on_registration([](const distflow::RegistrationChange& change) {
    std::fprintf(stderr, "monitored: %s\n", change.is_registered ? "registered again" : change.why.message().c_str());
  });
  node->on_message([](const distflow::Message& message) { log("handled bytes", message.payload.size()); });
  std::fprintf(stderr, "monitored: ready\n");

  const timespec second{.tv_sec = 1, .tv_nsec = 0};
  do {
    if (!write_metrics(argv[1], node->stats())) std::fprintf(stderr, "monitored: cannot write %s\n", argv[1]);
  } while (sigtimedwait(&ending, nullptr, &second) < 0);

  // Ten seconds to handle and send what is left: less than systemd's TimeoutStopSec.
  const auto report = node->shutdown(std::chrono::seconds(10));
  if (!report) return 1;
  const bool is_written = write_metrics(argv[1], node->stats());
  log("discarded, outgoing:", report->discarded_outgoing);
  log("discarded, incoming:", report->discarded_incoming);
  return is_written && report->discarded_outgoing + report->discarded_incoming == 0 ? 0 : 1;
}
