// The members of one JSON object as raw slices, and slices as values: what reading a message takes, without a document.
//
// Pure functions; any thread.
//
// 1. One level at a time: each value is stepped over as a slice (json_scan.hpp). Nothing is built for what nobody asks
//    for.
// 2. Only strings with escapes reach rapidjson: no number (its parser for them is the one of CVE-2024-38517), no
//    nesting.
// 3. Slices point into the text given and have no white space around them.
//
// Use: auto found = find_members(text, std::array<std::string_view, 2>{"type", "payload"});
//      if (!found) return malformed;   // (*found)[1].empty(): there is no payload
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace distflow::protocol {

/// Takes a key (valid for the call) and the slice of its value; false ends the reading.
using OnMember = std::function<bool(std::string_view key, std::string_view value)>;

/// Takes the slice of an element; false ends the reading.
using OnElement = std::function<bool(std::string_view element)>;

/// False when `object` is anything but one object, with white space around it at most, has a key whose text would not
/// be valid UTF-8, or the callback returned false.
[[nodiscard]] bool for_each_member(std::string_view object, const OnMember& on_member);

/// False when `array` is no array, or the callback returned false. `array` must have passed is_json().
[[nodiscard]] bool for_each_element(std::string_view array, const OnElement& on_element);

/// Fills `values[i]` with the slice of member `keys[i]`, or an empty view where there is none. False when `object` is
/// no object, or has one of the keys twice. Other keys are passed over.
[[nodiscard]] bool find_members(std::string_view object, std::span<const std::string_view> keys,
                                std::span<std::string_view> values);

template <std::size_t kCount>
[[nodiscard]] std::optional<std::array<std::string_view, kCount>> find_members(
    std::string_view object, const std::array<std::string_view, kCount>& keys) {
  std::array<std::string_view, kCount> values;
  if (!find_members(object, keys, values)) return std::nullopt;
  return values;
}

/// The text of a JSON string, unescaped; nothing when the slice is none or its text would not be valid UTF-8.
[[nodiscard]] std::optional<std::string> decode_string(std::string_view slice);

/// The value of a JSON number without fraction and exponent; nothing when the slice is none or beyond 64 bits.
[[nodiscard]] std::optional<std::int64_t> decode_integer(std::string_view slice) noexcept;

}  // namespace distflow::protocol
