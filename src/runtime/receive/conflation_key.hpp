// The key of a message, by NodeOptions::conflate_by: of waiting messages with one key only the newest is kept.
//
// One thread: a producer's. The application's function is called there.
//   1. of() never throws. A message whose function throws has no key, and each throw is reported.
//   2. A key is a part of its message's text, so that it lives as long as the message does.
// Use: ConflationKey key(options.conflate_by, node_id, on_throw); std::string_view text = key.of(mail);
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <distflow/node_options.hpp>

#include "base/delegate.hpp"
#include "runtime/receive/mail.hpp"

namespace distflow::runtime {

class ConflationKey {
 public:
  /// `node_id`: of the receiver. `on_throw`: gets what() of what the application's function has thrown.
  ConflationKey(ConflateBy by, std::string_view node_id, base::Delegate<void(const char* what)> on_throw)
      : by_(std::move(by)), node_id_(node_id), on_throw_(on_throw) {}

  /// Whether `by` has a member or a function.
  [[nodiscard]] static bool is_set(const ConflateBy& by);

  /// The message's key; empty when it has none.
  [[nodiscard]] std::string_view of(const Mail& mail) const;

 private:
  [[nodiscard]] std::string_view given_by(const KeyFunction& function, const Mail& mail) const;

  const ConflateBy by_;
  const std::string node_id_;
  const base::Delegate<void(const char* what)> on_throw_;
};

}  // namespace distflow::runtime
