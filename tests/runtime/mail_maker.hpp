// Makes messages in chunks, as a connection would, for tests of the mailbox.
//
// Use: MailMaker maker(counters); mailbox.push_run(maker.run(0, 5));
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/chunk_pool.hpp"
#include "runtime/receive/mail.hpp"

namespace distflow::test {

/// Holds one lease of each chunk it made messages in.
class MailMaker {
 public:
  /// That of each message.
  static constexpr std::string_view kExtension = R"("n":1)";

  explicit MailMaker(runtime::PeerCounters& sender, std::string_view from = "s") : sender_(sender), from_(from) {}

  /// A message in a chunk of its own, from `pool` if that has one.
  runtime::Mail one(std::string_view payload, base::ChunkPool* pool = nullptr) {
    return in(new_chunk(from_.size() + payload.size() + kExtension.size(), pool), payload);
  }

  /// Messages `first`, `first` + 1, ... in one chunk; each payload is its number, and its timestamp, too.
  std::vector<runtime::Mail> run(std::int64_t first, std::size_t count, base::ChunkPool* pool = nullptr) {
    Room room = new_chunk(count * (from_.size() + 20 + kExtension.size()), pool);
    std::vector<runtime::Mail> mails;
    for (std::size_t i = 0; i < count; ++i) {
      const std::int64_t number = first + static_cast<std::int64_t>(i);
      mails.push_back(in(room, std::to_string(number)));
      mails.back().timestamp = number;
    }
    return mails;
  }

  /// Whether nobody else leases a chunk of these.
  [[nodiscard]] bool is_sole_leaseholder() const {
    for (const base::ChunkRef& chunk : chunks_) {
      if (!chunk->is_sole_lease()) return false;
    }
    return true;
  }

  void release_all() { chunks_.clear(); }

 private:
  struct Room {
    base::Chunk* chunk;
    char* next;
  };

  Room new_chunk(std::size_t size, base::ChunkPool* pool) {
    base::ChunkRef chunk = pool == nullptr ? base::ChunkRef() : pool->try_lease();
    chunks_.push_back(chunk ? std::move(chunk) : base::ChunkRef::adopt(base::Chunk::allocate(size)));
    DF_ASSERT(chunks_.back() && chunks_.back()->capacity() >= size);
    return {chunks_.back().get(), chunks_.back()->data()};
  }

  runtime::Mail in(Room&& room, std::string_view payload) { return in(room, payload); }
  runtime::Mail in(Room& room, std::string_view payload) {
    const auto place = [&room](std::string_view text) {
      std::memcpy(room.next, text.data(), text.size());
      return std::exchange(room.next, room.next + text.size());
    };
    const char* from = place(from_);
    return {.chunk = room.chunk,
            .sender = &sender_,
            .from = from,
            .payload = place(payload),
            .extension = place(kExtension),
            .timestamp = 0,
            .payload_size = static_cast<std::uint32_t>(payload.size()),
            .text_size = static_cast<std::uint32_t>(from_.size() + payload.size() + kExtension.size()),
            .from_size = static_cast<std::uint16_t>(from_.size()),
            .extension_size = static_cast<std::uint16_t>(kExtension.size()),
            .came_at = 0};
  }

  runtime::PeerCounters& sender_;
  const std::string from_;
  std::vector<base::ChunkRef> chunks_;
};

}  // namespace distflow::test
