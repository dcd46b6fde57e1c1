// distflow-pmd: the port mapper daemon. Reads its options, builds the parts, runs the loop until it is told to end.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <distflow/printable.hpp>
#include <distflow/version.hpp>

#include "base/log.hpp"
#include "cli/console.hpp"
#include "cli/exit_code.hpp"
#include "cli/option_names.hpp"
#include "cli/page_service.hpp"
#include "cli/socket_activation.hpp"
#include "cli/suggestion.hpp"
#include "io/backend_choice.hpp"
#include "io/resolver.hpp"
#include "io/scheduling.hpp"
#include "pmd/client/client_blocking.hpp"
#include "pmd/client/epmd_probe.hpp"
#include "pmd/launch/inherited_state.hpp"
#include "pmd/server/server.hpp"

namespace distflow::cli {
namespace {

constexpr int kExitNotStarted = kExitNo;
constexpr double kSecondsMax = 1e9;

struct PmdArguments {
  pmd::ServerOptions server;
  base::LogLevel log_level = base::LogLevel::warn;
  std::string backend;  // empty: the environment's
  int ready_fd = -1;
  std::optional<std::uint16_t> web_port;
  std::vector<std::uint32_t> web_users;  // besides root and this process's own
};

// What a signal handler may touch. `g_backend` is set before the handlers are and outlives them.
io::Backend* g_backend = nullptr;
std::atomic<bool> g_is_told_to_end{false};
static_assert(std::atomic<bool>::is_always_lock_free);

void on_end_signal(int) {
  const int saved_errno = errno;
  g_is_told_to_end.store(true);
  g_backend->wake();
  errno = saved_errno;
}

void handle_signals(void (*on_end)(int)) {
  struct sigaction action {};
  action.sa_handler = on_end;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
}

base::Duration duration_of(double in_seconds) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(in_seconds));
}

std::string explain(const CLI::ParseError& error, const CLI::App& app) {
  std::string text = error.what();
  // A word that is unknown is what is wrong, whatever else is missing because of it.
  if (const std::vector<std::string> unknown = app.remaining(); !unknown.empty()) {
    const std::string& word = unknown.front();
    text = (word.starts_with('-') ? "Unknown option '" : "Unexpected argument '") + word + "'.";
    if (const auto meant = nearest_word(word, options_of(app))) text += " Did you mean '" + *meant + "'?";
  }
  return printable(text) + "\nRun 'distflow-pmd --help' to see what there is.\n";
}

/// An exit code when there is nothing to run.
std::optional<int> parse(int argc, const char* const* argv, PmdArguments& arguments) {
  pmd::ServerOptions& server = arguments.server;
  double ttl_seconds = 60;
  double idle_exit_seconds = 0;
  std::string log_level = "warn";

  CLI::App app("The distflow port mapper daemon: nodes register with it and find each other by name.", "distflow-pmd");
  app.set_version_flag("--version", "distflow-pmd " + std::string(kVersion), "print the version and end");
  app.add_option("--port", server.port, "port to listen at; 0 lets the system choose")->capture_default_str();
  app.add_option("--host", server.host, "address to listen at; with 127.0.0.1, ::1 too")
      ->capture_default_str()
      ->transform([](const std::string& host) { return host == "localhost" ? std::string(pmd::kDefaultHost) : host; })
      ->check([](const std::string& host) {
        return io::Address::parse(host, 0) ? std::string() : "not a numeric address: " + host;
      });
  app.add_option("--ttl", ttl_seconds, "seconds that a node that sends heartbeats lives without one")
      ->capture_default_str()
      ->check(CLI::Range(0.001, kSecondsMax));
  CLI::Option* idle_exit =
      app.add_option("--idle-exit", idle_exit_seconds, "seconds without a connection after which to end; else never")
          ->check(CLI::Range(0.001, kSecondsMax));
  app.add_option("--log-level", log_level, "error, warn, info or debug")
      ->capture_default_str()
      ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  app.add_option("--frame-max", server.frame_size_max, "bytes of the longest request")
      ->capture_default_str()
      ->check(CLI::Range(256U, 1U << 30));
  app.add_option("--connections-max", server.connection_count_max, "connections at once")
      ->capture_default_str()
      ->check(CLI::Range(1U, 1U << 20));
  app.add_option("--backend", arguments.backend, "I/O backend: auto, epoll, kqueue or uring; else DISTFLOW_IO's")
      ->check(CLI::IsMember({"auto", "epoll", "kqueue", "uring"}));
  app.add_option("--ready-fd", arguments.ready_fd, "descriptor to report on, a line \"ready PORT\" or \"in-use PORT\"")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--web-port", arguments.web_port,
                 "port of 127.0.0.1 to serve a page, health, metrics, nodes and events at over HTTP; else none");
  app.add_option("--web-user", arguments.web_users,
                 "number of a user who may ask there, besides root and the PMD's own; may be repeated");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    if (app.exit(error, out, err) == 0) {
      return say("distflow-pmd", {.exit_code = kExitSuccess, .out = out.str(), .err = err.str()});
    }
    return say("distflow-pmd", {.exit_code = kExitUsage, .out = {}, .err = explain(error, app)});
  }
  server.registry.ttl_default = duration_of(ttl_seconds);
  if (*idle_exit) server.idle_exit = duration_of(idle_exit_seconds);
  server.process_id = ::getpid();
  server.user = ::geteuid();
  server.release = kVersion;
  arguments.log_level = *base::log_level_of(log_level);
  return std::nullopt;
}

/// Reports to the starter of this process, and closes `fd`.
void report(int fd, const char* what, std::uint16_t port) {
  if (fd < 0) return;
  std::array<char, 32> line{};  // no string: nothing may fail while the server listens
  const int size = std::snprintf(line.data(), line.size(), "%s %u\n", what, port);
  // A starter that has gone away already needs no report.
  [[maybe_unused]] const ssize_t written = ::write(fd, line.data(), static_cast<std::size_t>(size));
  ::close(fd);
}

void say_out_of_memory() { std::fputs("distflow-pmd: out of memory while starting\n", stderr); }

bool is_port_in_use(const Error& error) { return error.code == std::errc::address_in_use; }

/// Whether it is Erlang's epmd that answers at the port.
bool is_epmd_at(io::Reactor& reactor, const std::string& host, std::uint16_t port) {
  std::optional<pmd::ProbeVerdict> verdict;
  auto on_done = [&](pmd::ProbeVerdict given) { verdict = given; };
  io::Resolver resolver(reactor);
  pmd::EpmdProbe probe(reactor, resolver, base::Delegate<void(pmd::ProbeVerdict)>::of(on_done));
  probe.start(host, port);
  while (!verdict) reactor.turn(base::kNever);
  return verdict == pmd::ProbeVerdict::erlang_epmd;
}

/// Whether a PMD, or Erlang's epmd, answers at the port.
bool is_answered_at(stream::StreamSetup& setup, const std::string& host, std::uint16_t port) {
  const auto client =
      pmd::BlockingClient::create(setup, {.host = host, .port = port, .timeout = base::milliseconds(200)});
  if (!client) return false;
  const Result<protocol::Hello> hello = (*client)->hello();
  return hello || hello.error() == Errc::refused || hello.error() == Errc::erlang_epmd;
}

/// Starts the server; tries for a while where the port is taken and nobody answers. A PMD that was killed has its port
/// until the kernel has cleared up after it, which takes up to some tenths of a second after io_uring.
Result<void> start_in_time(io::Reactor& reactor, stream::StreamSetup& setup, pmd::Server& server,
                           const pmd::ServerOptions& options) {
  const base::Instant give_up = base::saturating_add(reactor.now(), base::seconds(1));
  for (bool is_last = false;;) {
    Result<void> started = server.start();
    if (started || !is_port_in_use(started.error()) || is_last) return started;
    if (is_answered_at(setup, options.host, options.port)) return started;
    const base::Instant next_try = base::saturating_add(reactor.now(), base::milliseconds(20));
    while (reactor.now() < next_try) reactor.turn(next_try);
    is_last = reactor.now() >= give_up;
  }
}

int explain_failure(io::Reactor& reactor, const PmdArguments& arguments, const Error& error) {
  const pmd::ServerOptions& options = arguments.server;
  if (options.listener) {
    std::fprintf(stderr,
                 "distflow-pmd: descriptor %d, of LISTEN_FDS, cannot be taken over as a listening TCP socket: %s\n",
                 *options.listener, error.message().c_str());
    return kExitNotStarted;
  }
  if (!is_port_in_use(error)) {
    std::fprintf(stderr, "distflow-pmd: cannot listen at %s port %u: %s\n", options.host.c_str(), options.port,
                 error.message().c_str());
    return kExitNotStarted;
  }
  report(arguments.ready_fd, "in-use", options.port);
  if (is_epmd_at(reactor, options.host, options.port)) {
    std::fprintf(stderr,
                 "distflow-pmd: port %u is in use by Erlang's epmd, which has the same default port. "
                 "Use another one: distflow-pmd --port %u, and the same port for the nodes.\n",
                 options.port, options.port + 1U);
  } else {
    const std::string port = std::to_string(options.port);
    // A PMD that runs already gets no page from this one.
    const std::string remedy = arguments.web_port
                                   ? "end it first, with `distflow pmd kill --force --port " + port +
                                         "`, if it has no page: its nodes then register with the one that you start"
                                   : "there is nothing to do: see `distflow pmd status --port " + port + "`";
    std::fprintf(stderr,
                 "distflow-pmd: port %s is in use. If a PMD runs there already, %s. Otherwise use another port: "
                 "--port PORT.\n",
                 port.c_str(), remedy.c_str());
  }
  return kExitNotStarted;
}

std::unique_ptr<PageService> make_page(io::Reactor& reactor, pmd::Server& server, const base::Log& log,
                                       const PmdArguments& arguments, std::uint16_t port) {
  std::vector<std::uint32_t> users = arguments.web_users;
  users.push_back(::geteuid());
  return std::make_unique<PageService>(reactor, server, log, port, std::move(users));
}

/// Null, and the reason is printed, when there can be no page although one was asked for.
std::unique_ptr<PageService> begin_page(io::Reactor& reactor, pmd::Server& server, const base::Log& log,
                                        const PmdArguments& arguments) {
  auto page = make_page(reactor, server, log, arguments, *arguments.web_port);
  const Result<void> begun = page->begin();
  if (begun) return page;
  if (begun.error() == Errc::unsupported) {
    std::fprintf(stderr, "distflow-pmd: --web-port: this program was built without its HTTP server\n");
  } else {
    std::fprintf(stderr, "distflow-pmd: cannot serve HTTP at port %u: %s\n", *arguments.web_port,
                 begun.error().message().c_str());
  }
  return nullptr;
}

/// Ends what has been started, when something else could not be: a server that listens may not be destroyed.
void end_early(io::Reactor& reactor, pmd::Server& server) {
  server.begin_shutdown();
  while (!server.is_finished()) reactor.turn(base::kNever);
}

/// A look-up of a name connects, asks and waits: two wake-ups of this process would take most of its time. A
/// daemon that is seldom asked does not spin (base/spin_advice.hpp).
constexpr io::ReactorOptions kSpinsWhileItPays{
    .wake_cost = &io::wake_cost, .preemptions = &io::preemptions, .sleeps_if_shared = true};
/// When a daemon measures what a wake-up costs: not while the node waits that has started it.
constexpr base::Duration kMeasuresAfter = base::seconds(1);

int run(PmdArguments& arguments) {
  const base::Log log(arguments.log_level);
  if (arguments.web_port && *arguments.web_port != 0 && *arguments.web_port == arguments.server.port) {
    std::fprintf(stderr, "distflow-pmd: --web-port %u is the port of the PMD (--port): choose another\n",
                 *arguments.web_port);
    return kExitNotStarted;
  }
  const Activation activation = take_activation(::getpid());
  if (!activation.warning.empty()) log.write(base::LogLevel::warn, "%s", activation.warning.c_str());
  if (!activation.error.empty()) {
    std::fprintf(stderr, "distflow-pmd: %s\n", activation.error.c_str());
    return kExitNotStarted;
  }
  if (activation.descriptor && arguments.ready_fd == *activation.descriptor) {
    // The report would go to a client that connects, and closing it would close the listener behind the backend.
    std::fprintf(stderr, "distflow-pmd: --ready-fd %d is the listening socket of LISTEN_FDS: report on another\n",
                 arguments.ready_fd);
    return kExitNotStarted;
  }
  arguments.server.listener = activation.descriptor;
  pmd::raise_soft_limits();  // each connection takes a descriptor
  log.write(base::LogLevel::debug, "descriptors: at most %ld", ::sysconf(_SC_OPEN_MAX));
  base::ChunkPool chunks({});
  const Result<io::BackendKind> kind =
      arguments.backend.empty() ? io::backend_kind_from_environment() : io::parse_backend_kind(arguments.backend);
  if (!kind) log.write(base::LogLevel::warn, "DISTFLOW_IO: %s", kind.error().message().c_str());
  Result<io::SelectedBackend> selected = io::select_backend(kind.value_or(io::BackendKind::automatic), chunks);
  if (!selected) {
    std::fprintf(stderr, "distflow-pmd: %s\n", selected.error().message().c_str());
    return kExitNotStarted;
  }
  if (!selected->fallback_reason.empty()) {
    log.write(base::LogLevel::warn, "%s", selected->fallback_reason.c_str());
  }
  io::Reactor reactor(std::move(selected->backend), kSpinsWhileItPays);
  stream::StreamSetup stream_setup(nullptr, {}, &log);
  pmd::Server server(reactor, stream_setup, log, arguments.server);
  if (const Result<void> started = start_in_time(reactor, stream_setup, server, arguments.server); !started)
    return explain_failure(reactor, arguments, started.error());
  std::unique_ptr<PageService> page;
  if (arguments.web_port) {
    try {
      page = begin_page(reactor, server, log, arguments);
    } catch (const std::bad_alloc&) {
      say_out_of_memory();
    }
    if (page == nullptr) {
      end_early(reactor, server);
      return kExitNotStarted;
    }
  }

  // From here on nothing asks for memory but inside a turn, which has an answer where there is none.
  auto heed_signal = [&server] {
    if (!g_is_told_to_end.exchange(false)) return false;
    server.begin_shutdown();
    return true;
  };
  reactor.set_inbox(base::Delegate<bool()>::of(heed_signal));
  const auto stop = base::Delegate<void()>::to<&io::Reactor::stop>(reactor);
  auto end = [&page, stop] { page != nullptr ? page->close(stop) : stop(); };
  server.set_on_finished(base::Delegate<void()>::of(end));
  // A daemon without a page has nothing of it until somebody asks.
  auto open_page = [&](std::uint16_t port) -> Result<std::uint16_t> {
    if (page != nullptr) return page->open(port);
    auto opened = make_page(reactor, server, log, arguments, port);
    const Result<std::uint16_t> served = opened->open(port);
    if (!served) return served;
    page = std::move(opened);
    page->announce();
    return served;
  };
  server.set_open_page(pmd::RequestHandler::OpenPage::of(open_page));
  g_backend = &reactor.backend();
  handle_signals(on_end_signal);

  std::printf("PMD listening on port %u\n", server.port());
  std::fflush(stdout);
  if (page) page->announce();
  report(arguments.ready_fd, "ready", server.port());
  auto measure = [] { io::measure_wake_cost(); };
  base::Timer measuring(base::Delegate<void()>::of(measure));
  reactor.arm_after(measuring, kMeasuresAfter);
  reactor.run();
  reactor.timers().cancel(measuring);
  handle_signals(SIG_IGN);  // the backend is about to go
  return kExitSuccess;
}

}  // namespace
}  // namespace distflow::cli

int main(int argc, char** argv) try {
  distflow::cli::prepare_console();
  distflow::cli::PmdArguments arguments;
  if (const std::optional<int> exit_code = distflow::cli::parse(argc, argv, arguments)) return *exit_code;
  return distflow::cli::run(arguments);
} catch (const std::bad_alloc&) {
  distflow::cli::say_out_of_memory();
  return distflow::cli::kExitNotStarted;
} catch (const std::exception& error) {
  std::fprintf(stderr, "distflow-pmd: %s\n", error.what());
  return distflow::cli::kExitNotStarted;
}
