// Delegate<R(Args...)>: a function pointer and the object it is for. Two words; copies, never allocates.
//
// Does not own the object: it must outlive every call.
// Use: Delegate<void(int)>::to<&Counter::add>(counter)
#pragma once

#include <utility>

#include "base/assert.hpp"

namespace distflow::base {

template <class Signature>
class Delegate;

template <class R, class... Args>
class Delegate<R(Args...)> {
 public:
  Delegate() = default;

  /// A delegate that calls `object.*Member`. `object` must outlive the delegate's last call.
  template <auto Member, class Object>
  static Delegate to(Object& object) {
    Delegate delegate;
    delegate.object_ = &object;
    delegate.function_ = [](void* self, Args... args) -> R {
      return (static_cast<Object*>(self)->*Member)(std::forward<Args>(args)...);
    };
    return delegate;
  }

  /// A delegate that calls `callable`, which must outlive the delegate's last call.
  template <class Callable>
  static Delegate of(Callable& callable) {
    Delegate delegate;
    delegate.object_ = &callable;
    delegate.function_ = [](void* self, Args... args) -> R {
      return (*static_cast<Callable*>(self))(std::forward<Args>(args)...);
    };
    return delegate;
  }

  /// A delegate that deletes `object`, to be called once.
  template <class Object>
  static Delegate destroying(Object* object) {
    Delegate delegate;
    delegate.object_ = object;
    delegate.function_ = [](void* self, Args...) -> R { delete static_cast<Object*>(self); };
    return delegate;
  }

  explicit operator bool() const { return function_ != nullptr; }

  R operator()(Args... args) const {
    DF_ASSERT(function_ != nullptr);
    return function_(object_, std::forward<Args>(args)...);
  }

 private:
  void* object_ = nullptr;
  R (*function_)(void*, Args...) = nullptr;
};

}  // namespace distflow::base
