// The messages that instructions and times are measured with: 128 bytes of payload, in frames as nodes write them.
//
// Pure functions, and a chunk that its holder may read on any thread.
// Use: const SampleFrames frames(string_payload(), 512); decoder.feed(frames.chunk(), frames.bytes());
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/chunk_pool.hpp"
#include "tests/support/node_frames.hpp"

namespace distflow::test {

inline constexpr std::string_view kSampleSender = "7021c0138e13d26a";
inline constexpr std::string_view kSampleReceiver = "00000000000051c4";

inline std::string string_payload() { return '"' + std::string(126, 'x') + '"'; }

/// An object of ten members.
inline std::string object_payload() {
  std::string object = R"({"id":1234567,"kind":"order","open":true,"total":19.95,"by":"Ada","at":1795375753,)"
                       R"("to":null,"tax":-1,"lines":2,"note":")";
  object.resize(126, 'x');
  return object += R"("})";
}

/// The same frame, over and over, in one chunk.
class SampleFrames {
 public:
  SampleFrames(const std::string& payload, std::size_t count, std::string_view extension = {}) {
    const std::string frame = node_frame(kSampleSender, kSampleReceiver, payload, extension);
    chunk_ = base::ChunkRef::adopt(base::Chunk::allocate(frame.size() * count));
    for (std::size_t i = 0; i < count; ++i) frame.copy(chunk_->data() + i * frame.size(), frame.size());
    frame_size_ = frame.size();
    bytes_ = {chunk_->data(), frame.size() * count};
  }

  [[nodiscard]] base::Chunk& chunk() const { return *chunk_; }
  [[nodiscard]] std::string_view bytes() const { return bytes_; }
  [[nodiscard]] std::vector<std::string_view> bodies() const {
    std::vector<std::string_view> bodies;
    for (std::size_t at = framing::kHeaderSize; at < bytes_.size(); at += frame_size_) {
      bodies.push_back(bytes_.substr(at, frame_size_ - framing::kHeaderSize));
    }
    return bodies;
  }

 private:
  base::ChunkRef chunk_;
  std::size_t frame_size_ = 0;
  std::string_view bytes_;
};

}  // namespace distflow::test
