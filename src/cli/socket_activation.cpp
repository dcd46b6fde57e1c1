#include "cli/socket_activation.hpp"

#include <charconv>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "base/environment.hpp"

namespace distflow::cli {
namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START
constexpr const char* kVariables[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};

std::optional<long> number_of(const char* text) {
  if (text == nullptr) return std::nullopt;
  const std::string_view digits = text;
  long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Activation read_activation(long pid) {
  const char* said_pid = base::environment("LISTEN_PID");
  const char* said_count = base::environment("LISTEN_FDS");
  if (said_pid == nullptr) return {};  // what a program before left in the environment, as sd_listen_fds(3) has it
  const std::optional<long> meant = number_of(said_pid);
  if (!meant) return {.descriptor = {}, .warning = {}, .error = "LISTEN_FDS is set, and LISTEN_PID is no process"};
  if (*meant != pid) {
    return {.descriptor = {},
            .warning = "LISTEN_PID is process " + std::to_string(*meant) +
                       ", not this one: its listening sockets are not taken over",
            .error = {}};
  }
  const std::optional<long> count = number_of(said_count);
  if (!count) return {.descriptor = {}, .warning = {}, .error = "LISTEN_FDS is no number"};
  if (*count != 1) {
    return {.descriptor = {},
            .warning = {},
            .error = "LISTEN_FDS is " + std::to_string(*count) + ": one listening socket can be taken over"};
  }
  return {.descriptor = kFirstDescriptor, .warning = {}, .error = {}};
}

}  // namespace

Activation take_activation(long pid) {
  Activation activation = read_activation(pid);
  for (const char* variable : kVariables) ::unsetenv(variable);
  return activation;
}

}  // namespace distflow::cli
