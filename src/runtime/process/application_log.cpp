#include "runtime/process/application_log.hpp"

namespace distflow::runtime {
namespace {

thread_local bool is_inside_sink = false;

base::LogLevel to_level(LogVerbosity verbosity) {
  switch (verbosity) {
    case LogVerbosity::error: return base::LogLevel::error;
    case LogVerbosity::warn: return base::LogLevel::warn;
    case LogVerbosity::info: return base::LogLevel::info;
    case LogVerbosity::debug: return base::LogLevel::debug;
  }
  return base::LogLevel::warn;
}

LogVerbosity to_verbosity(base::LogLevel level) {
  switch (level) {
    case base::LogLevel::error: return LogVerbosity::error;
    case base::LogLevel::warn: return LogVerbosity::warn;
    case base::LogLevel::info: return LogVerbosity::info;
    case base::LogLevel::debug: return LogVerbosity::debug;
  }
  return LogVerbosity::warn;
}

}  // namespace

ApplicationLog::ApplicationLog(const NodeOptions& options, const base::LogSink& of_place)
    : sink_(options.log_sink),
      log_(to_level(options.log), sink_ ? base::LogSink::to<&ApplicationLog::take>(*this) : of_place) {}

void ApplicationLog::set_level(LogVerbosity level) { log_.set_level(to_level(level)); }

void ApplicationLog::take(base::LogLevel level, std::string_view line) {
  if (is_inside_sink) return base::write_to_standard_error(level, line);
  is_inside_sink = true;
  try {
    sink_(to_verbosity(level), line);
  } catch (...) {
    base::write_to_standard_error(level, line);
  }
  is_inside_sink = false;
}

}  // namespace distflow::runtime
