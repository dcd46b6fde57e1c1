// The log of the process's node: to the sink that the application has given, else to that of the node's place, else to
// the standard error.
//
// Any thread.
//   1. What the sink throws goes no further: the line is then on the standard error.
//   2. A line that is written while this thread is inside the sink is on the standard error: a sink that makes this
//      library write lines is not called without end.
//   3. The level may change at any time.
// Use: const ApplicationLog application_log(options); Node node(..., application_log.log());
#pragma once

#include <string_view>

#include <distflow/node_options.hpp>

#include "base/log.hpp"

namespace distflow::runtime {

class ApplicationLog {
 public:
  /// Keeps a copy of the sink. May throw std::bad_alloc.
  explicit ApplicationLog(const NodeOptions& options, const base::LogSink& of_place = {});
  ApplicationLog(const ApplicationLog&) = delete;
  ApplicationLog& operator=(const ApplicationLog&) = delete;

  [[nodiscard]] const base::Log& log() const { return log_; }
  void set_level(LogVerbosity level);

 private:
  void take(base::LogLevel level, std::string_view line);

  const LogSink sink_;
  base::Log log_;
};

}  // namespace distflow::runtime
