// How a wait is ended early, by its coroutine's end or by the application: included by other headers, not by programs.
//
// WaitStop: a value, whose copies end the same wait; any thread. StopRelay: one thread at a time.
// Use: WaitStop stop; stop.renew(); relay.connect(options.stop, stop); options.stop = stop.token();
#pragma once

#include <optional>

#include <distflow/stop_token.hpp>

/// @cond
namespace distflow::detail {

/// Ends one wait early. Without std::stop_token in the standard library nothing does.
class WaitStop {
 public:
#ifdef __cpp_lib_jthread
  /// May throw std::bad_alloc.
  void renew() {
    if (!source_.stop_possible()) source_ = std::stop_source();
  }
  [[nodiscard]] StopToken token() const { return source_.get_token(); }
  void request() { source_.request_stop(); }
  /// A holder of a copy may yet request it: the next wait gets another.
  void drop() { source_ = std::stop_source(std::nostopstate); }
  [[nodiscard]] bool is_requested() const { return source_.stop_requested(); }

 private:
  std::stop_source source_{std::nostopstate};
#else
  void renew() {}
  [[nodiscard]] StopToken token() const { return {}; }
  void request() {}
  void drop() {}
  [[nodiscard]] bool is_requested() const { return false; }
#endif
};

/// Passes the application's request to stop on to a wait's own.
class StopRelay {
 public:
  void connect([[maybe_unused]] const StopToken& from, [[maybe_unused]] const WaitStop& to) {
#ifdef __cpp_lib_jthread
    if (from.stop_possible()) callback_.emplace(from, Request{to});
#endif
  }
  /// Afterwards nothing is passed on any more, and nothing is being passed on.
  void disconnect() {
#ifdef __cpp_lib_jthread
    callback_.reset();
#endif
  }

 private:
#ifdef __cpp_lib_jthread
  struct Request {
    WaitStop stop;
    void operator()() { stop.request(); }
  };
  std::optional<std::stop_callback<Request>> callback_;
#endif
};

}  // namespace distflow::detail
/// @endcond
