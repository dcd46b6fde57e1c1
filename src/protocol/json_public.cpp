// The part of <distflow/json.hpp> that needs no rapidjson, and so need not be in the header.
#include <algorithm>
#include <distflow/json.hpp>

#include "protocol/json_double.hpp"
#include "protocol/json_grammar.hpp"

namespace distflow::detail {

bool is_decodable_json(std::string_view text) noexcept {
  return protocol::is_json(text, protocol::LoneSurrogates::refuse);
}

bool to_double(std::string_view number, double& value) { return protocol::to_double(number, value); }

bool is_near_zero(std::string_view number) noexcept {
  const std::size_t exponent_at = std::min(number.find_first_of("eE"), number.size());
  const std::string_view significand = number.substr(0, exponent_at);
  const std::size_t first_digit = significand.find_first_of("123456789");
  if (first_digit == std::string_view::npos) return true;

  // How many digits stand between the first one that counts and the point: negative behind the point.
  const std::size_t point = std::min(significand.find('.'), significand.size());
  const auto magnitude = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first_digit);

  std::string_view exponent = number.substr(std::min(exponent_at + 1, number.size()));
  if (exponent.starts_with('+')) exponent.remove_prefix(1);
  std::int64_t power = 0;
  const auto [after, error] = std::from_chars(exponent.data(), exponent.data() + exponent.size(), power);
  if (error == std::errc::result_out_of_range) return exponent.starts_with('-');
  // The text is shorter than kJsonTextSizeMax: an exponent that is longer decides alone.
  constexpr auto decisive = static_cast<std::int64_t>(kJsonTextSizeMax) * 2;
  return std::clamp(power, -decisive, decisive) + magnitude < 0;
}

}  // namespace distflow::detail
