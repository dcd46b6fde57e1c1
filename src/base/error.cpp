#include <distflow/error.hpp>
#include <distflow/printable.hpp>

namespace distflow {
namespace {

const char* message_of(Errc errc) {
  switch (errc) {
    case Errc::end_of_stream: return "the peer ended the stream";
    case Errc::canceled: return "ended by this side";
    case Errc::timed_out: return "the deadline passed";
    case Errc::frame_too_long: return "a frame announced more bytes than this connection's limit";
    case Errc::malformed: return "no message of the distflow protocol";
    case Errc::queue_full: return "the queue is full";
    case Errc::name_not_found: return "no address for this host name; check its spelling or give a numeric address";
    case Errc::invalid_address: return "not an IPv4 or IPv6 address";
    case Errc::invalid_option: return "an option is outside its range";
    case Errc::alias_in_use: return "another live node holds this alias; choose another or stop that node";
    case Errc::registration_refused: return "the PMD refused the registration";
    case Errc::node_not_found: return "no node of that alias or nodeId is registered";
    case Errc::pmd_unreachable: return "no PMD answers; start one with 'distflow pmd start' or check host and port";
    case Errc::pmd_not_started:
      return "no PMD answers and one could not be started; run 'distflow-pmd' by hand to see why";
    case Errc::pmd_not_found:
      return "the program distflow-pmd was not found beside the executable, where the library was installed, or on the "
             "PATH; set DISTFLOW_PMD to its path";
    case Errc::erlang_epmd:
      return "Erlang's epmd holds this port; use another port for distflow (option --port, pmd_port) or stop epmd";
    case Errc::not_a_pmd: return "something that is not a distflow PMD holds this port; use another port";
    case Errc::pmd_silent:
      return "something listens there and does not answer; it is no PMD, or one that is stopped or overloaded";
    case Errc::already_running: return "already running in this process";
    case Errc::shut_down: return "the node has been shut down";
    case Errc::forked: return "this handle was carried over a fork; start a node in the child after exec";
    case Errc::backend_unavailable: return "this I/O backend cannot run on this system";
    case Errc::refused: return "refused by the other side";
    case Errc::out_of_memory: return "out of memory";
    case Errc::would_block: return "the call would wait for the thread that it is on";
    case Errc::unsupported: return "the other side does not know this";
  }
  return "unknown error";
}

class Category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "distflow"; }
  std::string message(int value) const override { return message_of(static_cast<Errc>(value)); }
};

}  // namespace

const std::error_category& error_category() noexcept {
  static const Category category;
  return category;
}

std::error_code make_error_code(Errc errc) noexcept { return {static_cast<int>(errc), error_category()}; }

std::string Error::message() const {
  if (*doing == '\0') return code.message();
  return std::string(doing) + ": " + code.message();
}

std::string StartError::message() const {
  const std::string text = Error::message();
  return detail.empty() ? text : text + " (" + printable(detail) + ")";
}

}  // namespace distflow
