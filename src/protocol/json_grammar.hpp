// Whether a text is one JSON value by the grammar of RFC 8259, white space around it allowed.
//
// Pure functions; any thread. No allocation, no recursion; arrays and objects nest at most kDepthMax deep.
// Beyond the grammar, strings must be valid UTF-8 (no overlong forms, no encoded surrogates).
//
// Use: if (!is_json(payload)) return SendVerdict::invalid_json;
#pragma once

#include <string_view>

#include "protocol/json_scan.hpp"

namespace distflow::protocol {

/// Escapes such as \uD800 that are half of a pair. RFC 8259 allows them and JSON.stringify writes them, so a text
/// that is passed on may hold them; no UTF-8 text equals them, so a text that is to be decoded may not.
enum class LoneSurrogates { accept, refuse };

[[nodiscard]] bool is_json(std::string_view text, LoneSurrogates lone_surrogates = LoneSurrogates::accept) noexcept;

}  // namespace distflow::protocol
