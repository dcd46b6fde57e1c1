// Result<T>: a value or an Error. The member names are those of std::expected (C++23).
//
// A value; any thread. Reading the value of a failed Result stops the process. Result<T, E> has an error type E
// that derives from Error and says more; it converts to a Result<T>.
#pragma once

#include <cstdlib>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include <distflow/error.hpp>
#include <distflow/version.hpp>

namespace distflow {

template <class T, class E = Error>
class Result;

/// Errors that Result<T, E> can be made from besides E.
template <class F, class E>
concept OtherError = std::is_base_of_v<Error, F> && !std::is_same_v<F, E> && std::is_convertible_v<F, E>;

/// A value of type T, or why there is none.
template <class T, class E>
class [[nodiscard]] Result {
 public:
  /// A success.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  /// A failure.
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  /// A failure, from an error that says more than E does.
  template <OtherError<E> F>
  Result(F error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)
  /// The same outcome, with less detail of an error.
  template <OtherError<E> F>
  Result(Result<T, F> other)  // NOLINT(google-explicit-constructor)
      : state_(other ? State(std::in_place_index<0>, *std::move(other))
                     : State(std::in_place_index<1>, other.error())) {}

  /// Whether it is a success.
  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  /// The same as has_value().
  explicit operator bool() const noexcept { return has_value(); }

  /// The value. Stops the process when there is none, as all that follow do.
  [[nodiscard]] T& value() & { return checked(); }
  /// The value, to be read.
  [[nodiscard]] const T& value() const& { return const_cast<Result*>(this)->checked(); }
  /// By value, unlike std::expected: a range-for over the value of a temporary is safe.
  [[nodiscard]] T value() && { return std::move(checked()); }

  /// The same as value().
  T& operator*() & { return checked(); }
  /// The same as value().
  const T& operator*() const& { return const_cast<Result*>(this)->checked(); }
  /// The same as value(), moved out.
  T operator*() && { return std::move(checked()); }
  /// A member of the value.
  T* operator->() { return &checked(); }
  /// A member of the value, to be read.
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }

  /// Why there is no value. Stops the process when there is one.
  [[nodiscard]] const E& error() const {
    const E* error = std::get_if<1>(&state_);
    if (error == nullptr) std::abort();
    return *error;
  }

  /// The value, or `fallback` converted to T.
  template <class U>
  [[nodiscard]] T value_or(U&& fallback) const& {
    return has_value() ? **this : static_cast<T>(std::forward<U>(fallback));
  }

 private:
  using State = std::variant<T, E>;

  T& checked() {
    T* value = std::get_if<0>(&state_);
    if (value == nullptr) std::abort();
    return *value;
  }

  State state_;
};

/// Success, which has no value, or why there is none.
template <class E>
class [[nodiscard]] Result<void, E> {
 public:
  /// A success.
  Result() = default;
  /// A failure.
  Result(E error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)
  /// A failure, from an error that says more than E does.
  template <OtherError<E> F>
  Result(F error) : error_(std::move(error)), failed_(true) {}  // NOLINT(google-explicit-constructor)
  /// The same outcome, with less detail of an error.
  template <OtherError<E> F>
  Result(const Result<void, F>& other) {  // NOLINT(google-explicit-constructor)
    if (!other) *this = Result(other.error());
  }

  /// Whether it is a success.
  [[nodiscard]] bool has_value() const noexcept { return !failed_; }
  /// The same as has_value().
  explicit operator bool() const noexcept { return has_value(); }

  /// Why it failed. Stops the process when it did not.
  [[nodiscard]] const E& error() const {
    if (!failed_) std::abort();
    return error_;
  }

 private:
  E error_{};
  bool failed_ = false;
};

}  // namespace distflow
