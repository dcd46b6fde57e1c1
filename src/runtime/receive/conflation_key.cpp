#include "runtime/receive/conflation_key.hpp"

#include <functional>
#include <new>

#include <distflow/message.hpp>

#include "protocol/json_members.hpp"

namespace distflow::runtime {
namespace {

/// Cannot overflow, even for a view that the application has made up.
bool lies_in(std::string_view whole, std::string_view part) {
  return std::greater_equal<>{}(part.data(), whole.data()) &&
         std::less_equal<>{}(part.data(), whole.data() + whole.size()) &&
         part.size() <= static_cast<std::size_t>(whole.data() + whole.size() - part.data());
}

/// The text of the payload's member; empty if the payload is no object, or has no such member, or several.
std::string_view member_of(std::string_view payload, std::string_view name) {
  if (payload.empty() || payload.front() != '{') return {};
  try {
    std::string_view value;
    return protocol::find_members(payload, {&name, 1}, {&value, 1}) ? value : std::string_view();
  } catch (const std::bad_alloc&) {
    return {};  // for the text of a name with escapes
  }
}

}  // namespace

bool ConflationKey::is_set(const ConflateBy& by) {
  const auto* const name = std::get_if<std::string>(&by);
  return name == nullptr ? std::get<KeyFunction>(by) != nullptr : !name->empty();
}

std::string_view ConflationKey::of(const Mail& mail) const {
  const auto* const name = std::get_if<std::string>(&by_);
  return name != nullptr ? member_of(mail.payload_text(), *name) : given_by(std::get<KeyFunction>(by_), mail);
}

std::string_view ConflationKey::given_by(const KeyFunction& function, const Mail& mail) const {
  try {
    const std::string_view key = function({.from = mail.from_text(),
                                           .to = node_id_,
                                           .payload = mail.payload_text(),
                                           .has_payload = mail.has_payload(),
                                           .timestamp = mail.timestamp});
    return lies_in(mail.payload_text(), key) || lies_in(mail.from_text(), key) ? key : std::string_view();
  } catch (const std::exception& exception) {
    if (on_throw_) on_throw_(exception.what());
  } catch (...) {
    if (on_throw_) on_throw_("no std::exception");
  }
  return {};
}

}  // namespace distflow::runtime
