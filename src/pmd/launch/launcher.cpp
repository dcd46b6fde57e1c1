#include "pmd/launch/launcher.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <vector>

#include "io/posix/process_identity.hpp"
#include "pmd/launch/detached_process.hpp"
#include "pmd/launch/installed_pmd.hpp"
#include "pmd/launch/own_daemons.hpp"

namespace distflow::pmd {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStartingPmd = "starting distflow-pmd";
constexpr const char* kFinding = "looking for distflow-pmd";
constexpr const char* kProgram = "distflow-pmd";

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

Result<std::string> absolute_text(const fs::path& path) {
  std::error_code error;
  const fs::path full = fs::absolute(path, error);
  if (error) return Error{error, kFinding};
  return full.string();
}

fs::path beside_this_executable() {
  const fs::path self = io::platform::executable_path();
  return self.empty() ? fs::path() : self.parent_path() / kProgram;
}

/// Whether nobody but root and this program's user can have put it there, or can change it.
bool is_trustworthy(const fs::path& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_uid == 0 || status.st_uid == ::geteuid()) &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// For a program that has more rights than its starter. The starter may have made the folder, and a hard link to the
/// program in it: what lies beside that link is the starter's.
Result<std::string> find_for_raised_rights() {
  const fs::path beside = beside_this_executable();
  if (is_program(beside) && is_trustworthy(beside) && is_trustworthy(beside.parent_path())) {
    return absolute_text(beside);
  }
  return Error{Errc::pmd_not_found, "looking for distflow-pmd as a set-user-ID program, hence without environment"};
}

/// Empty when no folder of the PATH has it.
fs::path on_the_path() {
  const char* path = base::environment("PATH");
  std::string_view folders = path == nullptr ? "" : path;
  while (!folders.empty()) {
    const std::size_t end = std::min(folders.find(':'), folders.size());
    fs::path candidate = fs::path(folders.substr(0, end)) / kProgram;
    if (is_program(candidate)) return candidate;
    folders.remove_prefix(std::min(end + 1, folders.size()));
  }
  return {};
}

/// With a point whatever the locale: "0.250".
std::string in_seconds(base::Duration duration) {
  const auto ms = std::chrono::duration_cast<base::milliseconds>(duration).count();
  std::string fraction = std::to_string(1000 + ms % 1000);
  fraction.front() = '.';
  return std::to_string(ms / 1000) + fraction;
}

std::vector<std::string> arguments_of(const LaunchOptions& options) {
  std::vector<std::string> arguments{
      "--host", options.host, "--port", std::to_string(options.port), "--ready-fd", std::to_string(kReportFd)};
  const auto add = [&arguments](const char* name, std::string value) {
    arguments.emplace_back(name);
    arguments.push_back(std::move(value));
  };
  if (options.ttl) add("--ttl", in_seconds(*options.ttl));
  if (options.idle_exit) add("--idle-exit", in_seconds(*options.idle_exit));
  if (!options.log_level.empty()) add("--log-level", options.log_level);
  if (options.web_port) add("--web-port", std::to_string(*options.web_port));
  return arguments;
}

/// One line of the daemon's. The timeout counts from its last byte on.
Result<std::string> read_line(int fd, base::Duration timeout) {
  const auto timeout_ms = static_cast<int>(std::chrono::duration_cast<base::milliseconds>(timeout).count());
  std::string line;
  for (;;) {
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&readable, 1, timeout_ms);
    if (ready == 0) return Error{Errc::timed_out, kStartingPmd};
    std::array<char, 64> buffer{};
    const ssize_t size = ready < 0 ? -1 : ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return Error{Errc::pmd_not_started, kStartingPmd};
    line.append(buffer.data(), static_cast<std::size_t>(size));
    if (const std::size_t end = line.find('\n'); end != std::string::npos) return line.substr(0, end);
    if (line.size() >= buffer.size()) return Error{Errc::pmd_not_started, kStartingPmd};
  }
}

/// From "ready <port>" or "in-use <port>".
Result<LaunchOutcome> parse_report(std::string_view line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, space);
  const std::string_view digits = line.substr(std::min(space + 1, line.size()));
  LaunchOutcome outcome;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), outcome.port);
  const bool is_port = error == std::errc() && end == digits.data() + digits.size();
  if (!is_port || (word != "ready" && word != "in-use")) return Error{Errc::pmd_not_started, kStartingPmd};
  outcome.kind = word == "ready" ? LaunchOutcome::Kind::started : LaunchOutcome::Kind::already_running;
  return outcome;
}

}  // namespace

Result<std::string> find_pmd_program(base::Rights rights) {
  if (rights == base::Rights::raised) return find_for_raised_rights();
  if (const char* named = base::environment("DISTFLOW_PMD"); named != nullptr && *named != '\0') {
    if (!is_program(named)) return Error{Errc::pmd_not_found, "looking for the program that DISTFLOW_PMD names"};
    return absolute_text(named);
  }
  if (const fs::path beside = beside_this_executable(); is_program(beside)) return absolute_text(beside);
  if (const char* installed = installed_pmd(); is_program(installed)) return std::string(installed);
  if (const fs::path found = on_the_path(); !found.empty()) return absolute_text(found);
  return Error{Errc::pmd_not_found, kFinding};
}

std::string places_of_pmd_program(base::Rights rights) {
  constexpr std::size_t path_shown_max = 400;
  if (const char* named = base::environment("DISTFLOW_PMD");
      rights == base::Rights::of_starter && named != nullptr && *named != '\0') {
    return "DISTFLOW_PMD=" + std::string(named);
  }
  const fs::path beside = beside_this_executable();
  std::string places = beside.empty() ? "beside the executable, whose path is not known" : beside.string();
  if (rights == base::Rights::raised) return places;
  if (const std::string installed = installed_pmd(); !installed.empty()) places += ", " + installed;
  const char* path = base::environment("PATH");
  const std::string_view folders = path == nullptr ? "" : path;
  places += ", and in the PATH " + std::string(folders.substr(0, path_shown_max));
  return folders.size() > path_shown_max ? places + "..." : places;
}

bool is_final_launch_error(const Error& error) {
  constexpr std::array<std::errc, 5> of_the_program{std::errc::permission_denied, std::errc::executable_format_error,
                                                    std::errc::no_such_file_or_directory, std::errc::not_a_directory,
                                                    std::errc::operation_not_permitted};
  return error == Errc::pmd_not_found || std::ranges::any_of(of_the_program, [&error](std::errc code) {
           return error.code == std::make_error_code(code);
         });
}

Result<LaunchOutcome> launch_pmd(const LaunchOptions& options) {
  reap_own_daemons();
  const base::Rights rights = base::rights_of_process();
  const Result<std::string> program = find_pmd_program(rights);
  if (!program) return program.error();
  const Environment environment = rights == base::Rights::raised ? Environment::empty : Environment::of_starter;
  const Result<DetachedProcess> daemon = start_detached(*program, arguments_of(options), environment);
  if (!daemon) return daemon.error();
  const Result<std::string> line = read_line(daemon->reports.get(), options.timeout);
  if (!line) {
    if (line.error() == Errc::timed_out) ::kill(daemon->pid, SIGKILL);
    return line.error();
  }
  Result<LaunchOutcome> outcome = parse_report(*line);
  if (outcome && outcome->kind == LaunchOutcome::Kind::started) {
    outcome->pid = daemon->pid;
    outcome->kept_state = names_of(daemon->kept_state);
  }
  return outcome;
}

}  // namespace distflow::pmd
