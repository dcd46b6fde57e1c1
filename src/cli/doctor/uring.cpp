#include <fmt/format.h>

#include <distflow/printable.hpp>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {

Outcome check_uring(SystemView& system) {
  const std::string refusal = system.uring_refusal();
  if (refusal.empty()) return Outcome::fine("io_uring works; DISTFLOW_IO=uring asks for it.");
  std::string remedy = "Nothing is wrong: epoll is what is used unless DISTFLOW_IO or the option 'backend' says uring.";
  const Result<std::string> disabled = system.read_file("/proc/sys/kernel/io_uring_disabled");
  const std::int64_t level = disabled ? number_in(*disabled).value_or(0) : 0;
  if (level > 0) remedy += fmt::format(" The sysctl kernel.io_uring_disabled is {}: 0 allows it.", level);
  return Outcome::found(Severity::hint, "io_uring is refused: " + printable(refusal) + ".", std::move(remedy));
}

}  // namespace distflow::cli
