// Coroutine types for tests: one that runs by itself, and one that its owner may destroy.
//
// Use: Detached run(NodeRuntime& node) { co_await ask(node, "pong", "1"); }
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace distflow::test {

/// Runs until it is suspended, and destroys itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
  };
};

/// Runs until it is suspended; destroyed with its owner, which must know that it does not run. What it throws ends the
/// program, or comes to whoever resumes it.
template <bool kThrowsToResumer>
class BasicOwned {
 public:
  struct promise_type {
    BasicOwned get_return_object() noexcept {
      return BasicOwned(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() {
      if (kThrowsToResumer) throw;
      std::terminate();
    }
  };

  BasicOwned() = default;
  BasicOwned(BasicOwned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  BasicOwned& operator=(BasicOwned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~BasicOwned() { destroy(); }

  void destroy() {
    if (const std::coroutine_handle<> handle = std::exchange(handle_, nullptr)) handle.destroy();
  }

 private:
  explicit BasicOwned(std::coroutine_handle<> handle) : handle_(handle) {}
  std::coroutine_handle<> handle_{};
};

using Owned = BasicOwned<false>;
using OwnedThatThrows = BasicOwned<true>;

}  // namespace distflow::test
