// Frames as raw bytes, for peers that are no nodes.
//
// Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "framing/frame.hpp"

namespace distflow::test {

/// A frame with that body.
inline std::string frame_of(std::string_view body) {
  std::string frame(framing::kHeaderSize, '\0');
  framing::write_header(frame.data(), static_cast<std::uint32_t>(body.size()));
  frame += body;
  return frame;
}

/// The beginning of a frame that announces `size` bytes.
inline std::string announcement(std::uint32_t size) {
  std::string header(framing::kHeaderSize, '\0');
  framing::write_header(header.data(), size);
  return header;
}

/// A message as a node sends it, in its frame.
inline std::string node_frame(std::string_view from, std::string_view to, std::string_view payload,
                              std::string_view extension = {}) {
  std::string body = R"({"from":")";
  body.append(from).append(R"(","to":")").append(to).append(R"(","payload":)").append(payload);
  body += R"(,"timestamp":1795375753755)";
  if (!extension.empty()) body.append(",").append(extension);
  return frame_of(body += '}');
}

}  // namespace distflow::test
