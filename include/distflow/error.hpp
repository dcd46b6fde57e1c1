// An error as a value: an error code, and the action that failed.
//
// Values; any thread. No function of NodeRuntime throws: fallible ones return Result<T> (result.hpp).
#pragma once

#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <distflow/version.hpp>

namespace distflow {

/// Errors of distflow's own. Those of the operating system keep their errno in std::generic_category().
enum class Errc {
  end_of_stream = 1,     ///< The peer ended the stream in an orderly way.
  canceled,              ///< The operation was ended by this side.
  timed_out,             ///< The deadline passed first.
  frame_too_long,        ///< A frame announced more bytes than the connection's limit.
  malformed,             ///< Bytes that are no message of the protocol.
  queue_full,            ///< A bounded queue had no room.
  name_not_found,        ///< A host name that resolves to no address.
  invalid_address,       ///< Text that is no address, or an address of an unsupported family.
  invalid_option,        ///< An option outside its documented range.
  alias_in_use,          ///< Another live node holds the alias.
  registration_refused,  ///< The PMD refused the registration.
  node_not_found,        ///< The PMD knows no node by that alias or nodeId.
  pmd_unreachable,       ///< No PMD answers at the given host and port.
  pmd_not_started,       ///< No PMD answered, and one could not be started.
  pmd_not_found,         ///< The distflow-pmd program was not found.
  erlang_epmd,           ///< Erlang's epmd answers on the port, not a PMD.
  not_a_pmd,             ///< Something else than a PMD answers on the port.
  pmd_silent,            ///< Something listens on the port, and does not answer.
  already_running,       ///< Another holder, in this process, has the lock or name.
  shut_down,             ///< The node has been shut down.
  forked,                ///< The handle was carried over a fork() and is inert in the child.
  backend_unavailable,   ///< The requested I/O backend cannot run on this system.
  refused,               ///< The other side answered "no".
  out_of_memory,         ///< Memory, or a bounded pool of it, is exhausted.
  would_block,           ///< The call would wait for the thread that it is on.
  unsupported,           ///< The other side, such as a PMD of another make, does not know this.
};

/// The category of Errc. Its messages say what happened and, where there is a remedy, what to do.
DISTFLOW_API const std::error_category& error_category() noexcept;

/// The code of `errc` in error_category().
DISTFLOW_API std::error_code make_error_code(Errc errc) noexcept;

/// An error: `code` is its kind; `doing` (a static string, never null) names the action that failed.
struct [[nodiscard]] Error {
  std::error_code code;    ///< of Errc's category, or a system's errno in std::generic_category()
  const char* doing = "";  ///< what was being done, as in "connecting"

  /// "<doing>: <message of code>".
  [[nodiscard]] DISTFLOW_API std::string message() const;

  /// Errors are equal when their codes are, whatever was being done.
  friend bool operator==(const Error& a, const Error& b) { return a.code == b.code; }
  /// Whether the error is that one of distflow's own.
  friend bool operator==(const Error& a, Errc b) { return a.code == make_error_code(b); }
};

/// Why a node could not be started, with places, paths and names in `detail`.
///
/// An Error is small and trivially copyable, so that each call can return one. A start happens once, and a person reads
/// its error. A StartError converts to an Error, without `detail`.
struct [[nodiscard]] StartError : Error {
  std::string detail{};  ///< for example "PMD at 127.0.0.1:4369"; empty where there is nothing to add

  /// No error: a code of zero.
  StartError() = default;
  /// `error` with what it was about.
  // NOLINTNEXTLINE(google-explicit-constructor): any error can be why something did not start
  StartError(Error error, std::string about = {}) : Error(error), detail(std::move(about)) {}

  /// "<doing>: <message of code> (<detail>)". Names that others have chosen are escaped as by printable().
  [[nodiscard]] DISTFLOW_API std::string message() const;
};

}  // namespace distflow

/// @cond
template <>
struct std::is_error_code_enum<distflow::Errc> : std::true_type {};
/// @endcond
