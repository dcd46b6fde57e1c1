#include "runtime/node/start_errors.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "io/resolver.hpp"
#include "pmd/launch/launcher.hpp"

namespace distflow::runtime {
namespace {

constexpr const char* kLooking = "looking for a PMD";

bool is_any_of(const Error& error, std::initializer_list<std::errc> codes) {
  return std::ranges::any_of(codes, [&](std::errc code) { return error.code == code; });
}

bool lacks_descriptors(const Error& error) {
  return is_any_of(error, {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system});
}

/// Whether it is this process or its machine that lacks something, wherever the PMD is.
bool is_own_failure(const Error& error) {
  return lacks_descriptors(error) || error == Errc::out_of_memory ||
         is_any_of(error, {std::errc::not_enough_memory, std::errc::no_buffer_space, std::errc::permission_denied,
                           std::errc::operation_not_permitted});
}

std::string place(const std::string& host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string pmd_at(const NodeOptions& options) { return "PMD at " + place(options.pmd_host, options.pmd_port); }

/// Why this node has not started a PMD itself, if it may not.
const char* reason_not_to_start(const NodeOptions& options) {
  if (!options.start_pmd) return "; start_pmd is off";
  return io::is_loopback_host(options.pmd_host) ? "" : "; a PMD of another machine is not started from here";
}

/// `why` with the text of make_text(); `why` alone without memory for the text.
template <class MakeText>
StartError with_text(const Error& why, MakeText make_text) noexcept {
  try {
    return {why, make_text()};
  } catch (const std::bad_alloc&) {
    return {why};
  }
}

std::string own_advice(const Error& why, std::string about) {
  if (!lacks_descriptors(why)) return about;
  return about + (about.empty() ? "" : "; ") + "raise the limit of open files (ulimit -n), or close some";
}

}  // namespace

StartError own_failure(const Error& why) noexcept {
  return with_text(why, [&] { return own_advice(why, ""); });
}

StartError unreachable_pmd(const Error& why, const NodeOptions& options) noexcept {
  if (is_own_failure(why)) {
    return with_text({why.code, kLooking}, [&] { return own_advice(why, pmd_at(options)); });
  }
  constexpr std::array<Errc, 4> of_the_other_side{Errc::pmd_silent, Errc::erlang_epmd, Errc::not_a_pmd,
                                                  Errc::name_not_found};
  if (std::ranges::any_of(of_the_other_side, [&](Errc code) { return why == code; })) {
    return with_text(why, [&] { return pmd_at(options); });
  }
  return with_text({Errc::pmd_unreachable, kLooking}, [&] {
    return pmd_at(options) + "; the last attempt: " + why.message() + reason_not_to_start(options);
  });
}

StartError unanswered_registration(const NodeOptions& options) noexcept {
  return with_text({Errc::timed_out, "registering with the PMD"}, [&] { return pmd_at(options); });
}

StartError unstarted_pmd(const Error& why, const NodeOptions& options) noexcept {
  return with_text(why, [&] {
    const Result<std::string> program = pmd::find_pmd_program();
    return own_advice(why, pmd_at(options) + (program && why != Errc::pmd_not_found
                                                  ? "; the program is " + *program
                                                  : "; looked for the program at " + pmd::places_of_pmd_program()));
  });
}

StartError refused_registration(const Error& why, std::string_view text, const protocol::NodeInfo* holder,
                                const NodeOptions& options) noexcept {
  return with_text(why, [&] {
    if (why != Errc::alias_in_use) return pmd_at(options) + " says: " + std::string(text);
    std::string about = pmd_at(options) + "; alias \"" + options.alias + "\"";
    if (holder != nullptr) about += " is held by node " + holder->node_id + " at " + place(holder->host, holder->port);
    return about;
  });
}

StartError unusable_address(const Error& why, const NodeOptions& options) noexcept {
  return with_text(why, [&] { return own_advice(why, place(options.host, options.port)); });
}

}  // namespace distflow::runtime
