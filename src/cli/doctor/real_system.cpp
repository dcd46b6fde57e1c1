#include "cli/doctor/real_system.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "base/chunk_pool.hpp"
#include "base/delegate.hpp"
#include "cli/stream_setup.hpp"
#include "io/backend_choice.hpp"
#include "io/clock.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "pmd/client/client_blocking.hpp"
#include "pmd/launch/launcher.hpp"
#include "stream/dialer.hpp"

namespace distflow::cli {
namespace {

constexpr std::size_t kFileSizeMax = 256 * 1024;
constexpr std::size_t kNamesMax = 4096;
constexpr base::Duration kPatience = base::seconds(2);
constexpr std::size_t kSharedSize = 4096;

Error last_error(const char* doing) { return {std::error_code(errno, std::generic_category()), doing}; }

}  // namespace

/// A loop of its own, on which one dial after another is made.
class RealSystem::Dials {
 public:
  explicit Dials(std::unique_ptr<base::ChunkPool> chunks, std::unique_ptr<io::Backend> backend)
      : chunks_(std::move(chunks)), reactor_(std::move(backend), {}) {}
  ~Dials() { turn_until_closed(); }
  Dials(const Dials&) = delete;
  Dials& operator=(const Dials&) = delete;

  Result<void> dial(const std::string& host, std::uint16_t port) {
    outcome_.reset();
    stream::Dialer dialer(reactor_, resolver_, sockets_, {.attempt_timeout = kPatience, .stream = {}},
                          base::Delegate<void(Result<stream::OpenStream>)>::to<&Dials::on_outcome>(*this));
    dialer.dial(host, port);
    const base::Instant give_up = base::saturating_add(reactor_.now(), 2 * kPatience);  // a look-up included
    while (!outcome_ && reactor_.now() < give_up) reactor_.turn(give_up);
    if (!outcome_) dialer.cancel();
    turn_until_closed();
    return outcome_ ? *outcome_ : Error{Errc::timed_out, "connecting"};
  }

 private:
  void on_outcome(Result<stream::OpenStream> outcome) {
    if (outcome) {
      outcome_.emplace();
      stream::discard(reactor_, std::move(*outcome));
    } else {
      outcome_.emplace(outcome.error());
    }
  }
  void turn_until_closed() {
    while (reactor_.backend().handle_count() > 0) reactor_.turn(base::kNever);
  }

  const std::unique_ptr<base::ChunkPool> chunks_;
  io::Reactor reactor_;
  io::Resolver resolver_{reactor_};
  stream::StreamSetup sockets_;  // whether the port is reached, not who is there
  std::optional<Result<void>> outcome_;
};

RealSystem::RealSystem(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}
RealSystem::~RealSystem() = default;

Result<std::string> RealSystem::read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return last_error("opening a file");
  std::string text(kFileSizeMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return last_error("reading a file");
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

Result<std::vector<std::string>> RealSystem::list_folder(const std::string& path) {
  DIR* const folder = ::opendir(path.c_str());
  if (folder == nullptr) return last_error("opening a folder");
  std::vector<std::string> names;
  for (const dirent* entry = ::readdir(folder); entry != nullptr && names.size() < kNamesMax; entry = ::readdir(folder))
    names.emplace_back(entry->d_name);
  ::closedir(folder);
  return names;
}

Result<std::string> RealSystem::read_link(const std::string& path) {
  std::array<char, 4096> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  if (size < 0) return last_error("reading a link");
  return std::string(target.data(), static_cast<std::size_t>(size));
}

Result<std::uint32_t> RealSystem::owner_of(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) return last_error("asking for an owner");
  return status.st_uid;
}

std::uint32_t RealSystem::own_user() { return ::geteuid(); }
std::size_t RealSystem::processor_count() { return std::max(1U, std::thread::hardware_concurrency()); }
std::int64_t RealSystem::wall_ms() { return io::system_wall_ms(); }
std::int64_t RealSystem::clock_ticks_per_second() { return std::max(1L, ::sysconf(_SC_CLK_TCK)); }

Result<DescriptorLimits> RealSystem::descriptor_limits() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return last_error("asking for the limit of descriptors");
  return DescriptorLimits{.soft = limit.rlim_cur, .hard = limit.rlim_max};
}

Result<void> RealSystem::share_memory() {
  base::ChunkPool chunks{base::ChunkPoolOptions{}};
  Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::automatic, chunks);
  if (!selected) return selected.error();
  const Result<io::SharedMemory> created = selected->backend->create_memory(kSharedSize);
  if (!created) return created.error();
  const Result<io::SharedMemory> opened = selected->backend->open_memory(created->name, kSharedSize);
  return opened ? Result<void>() : opened.error();
}

std::string RealSystem::uring_refusal() {
  base::ChunkPool chunks{base::ChunkPoolOptions{}};
  const Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::uring, chunks);
  return selected ? selected->fallback_reason : selected.error().message();
}

Result<void> RealSystem::connect(const std::string& host, std::uint16_t port) {
  if (dials_ == nullptr) {
    auto chunks = std::make_unique<base::ChunkPool>(base::ChunkPoolOptions{});
    Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::automatic, *chunks);
    if (!selected) return selected.error();
    dials_ = std::make_unique<Dials>(std::move(chunks), std::move(selected->backend));
  }
  return dials_->dial(host, port);
}

void RealSystem::ask_pmd() {
  if (nodes_) return;
  const Result<std::unique_ptr<pmd::BlockingClient>> client =
      pmd::BlockingClient::create(stream_setup(), {.host = host_, .port = port_});
  if (!client) {
    nodes_.emplace(client.error());
    hello_.emplace(client.error());
    return;
  }
  nodes_.emplace((*client)->list());
  hello_.emplace(*nodes_ ? (*client)->hello() : Result<protocol::Hello>(nodes_->error()));
}

Result<std::vector<protocol::NodeInfo>> RealSystem::nodes() {
  ask_pmd();
  return *nodes_;
}

Result<protocol::Hello> RealSystem::hello() {
  ask_pmd();
  return *hello_;
}

Result<std::string> RealSystem::pmd_program() { return pmd::find_pmd_program(); }

}  // namespace distflow::cli
