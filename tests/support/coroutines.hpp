// Two coroutine types for tests: one that runs by itself, one that its owner may destroy.
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

/// Runs until it is suspended; destroyed with its owner, which must know that it does not run.
class Owned {
 public:
  struct promise_type {
    Owned get_return_object() noexcept { return Owned(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() { std::terminate(); }
  };

  Owned() = default;
  Owned(Owned&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Owned() { destroy(); }

  void destroy() {
    if (const std::coroutine_handle<> handle = std::exchange(handle_, nullptr)) handle.destroy();
  }

 private:
  explicit Owned(std::coroutine_handle<> handle) : handle_(handle) {}
  std::coroutine_handle<> handle_{};
};

}  // namespace distflow::test
