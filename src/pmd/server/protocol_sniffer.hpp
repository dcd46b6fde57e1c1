// Tells from the first bytes of a connection that they are no frame of ours, and what they are instead.
//
// Pure functions; any thread.
// Use: if (const char* what = recognise_foreign(first_bytes, frame_size_max)) log.write(..., "%s", what);
#pragma once

#include <cstdint>
#include <string_view>

namespace distflow::pmd {

/// What begins with `first`, the first 1 to 4 bytes of a connection, if it cannot be a frame of at most
/// `frame_size_max` bytes: a phrase for the log. Null as long as it can be one.
///
/// Three bytes may be all there is: a client of Erlang's epmd that asks for names sends no more until it is answered.
[[nodiscard]] const char* recognise_foreign(std::string_view first, std::uint32_t frame_size_max);

}  // namespace distflow::pmd
