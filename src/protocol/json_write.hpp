// Writing JSON text into a string: the pieces that messages are made of.
//
// Pure functions; any thread. `text` must be valid UTF-8, else so is not the result.
//
// Use: append_json_string(out, alias);   // "al\"ias" with its quotes
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace distflow::protocol {

/// Appends `text` as a JSON string, with quotes, escaping only what JSON asks for.
void append_json_string(std::string& out, std::string_view text);

void append_json_integer(std::string& out, std::int64_t value);

}  // namespace distflow::protocol
