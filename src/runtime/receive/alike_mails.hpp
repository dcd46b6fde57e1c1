// Splits runs of messages into parts that share a chunk and a sender, to count and lease each part at once.
//
// Pure functions; any thread. For the mailboxes.
// Use: for_each_alike(run, [](std::span<const Mail> alike, std::size_t charge) { ... });
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

#include "base/chunk_pool.hpp"
#include "runtime/receive/mail.hpp"

namespace distflow::runtime::mailbox_detail {

inline constexpr std::size_t kBatchMax = 32;  // messages moved at once through the stack
using MailBatch = std::array<Mail, kBatchMax>;

/// The first messages of a run that share chunk and sender.
struct Alike {
  std::size_t count;
  std::size_t charge;
};

/// A message's chunk and sender side by side, to compare both at once.
using Origin [[gnu::vector_size(16)]] = std::uint64_t;
static_assert(offsetof(Mail, chunk) == 0 && offsetof(Mail, sender) == 8 && sizeof(void*) == 8);

/// Zero when the message has the same chunk and sender.
inline Origin difference(const Mail& mail, Origin first) {
  Origin origin;
  std::memcpy(&origin, std::assume_aligned<alignof(Mail)>(&mail), sizeof origin);
  return origin ^ first;
}

inline Origin difference_of_four(const Mail* mail, Origin first) {
  return difference(mail[0], first) | difference(mail[1], first) | difference(mail[2], first) |
         difference(mail[3], first);
}

inline std::size_t text_size_of_four(const Mail* mail) {
  return std::size_t{mail[0].text_size} + mail[1].text_size + mail[2].text_size + mail[3].text_size;
}

inline bool is_zero(Origin origin) { return (origin[0] | origin[1]) == 0; }

[[gnu::noinline]] inline Alike leading_alike_of_several(std::span<const Mail> run) {
  const Origin first = difference(run.front(), Origin{});
  const Mail* mail = run.data();
  const Mail* const end = mail + run.size();
  std::size_t text_size = 0;
  // Eight at a time with one branch, since nearly all runs have one chunk and one sender.
  for (const Mail* const last_eight = end - run.size() % 8; mail != last_eight; mail += 8) {
    if (!is_zero(difference_of_four(mail, first) | difference_of_four(mail + 4, first))) break;
    text_size += text_size_of_four(mail) + text_size_of_four(mail + 4);
  }
  for (; mail != end && is_zero(difference(*mail, first)); ++mail) text_size += mail->text_size;
  const auto count = static_cast<std::size_t>(mail - run.data());
  return {count, text_size + count * sizeof(Mail)};
}

inline Alike leading_alike(std::span<const Mail> run) {
  return run.size() == 1 ? Alike{1, run.front().charge()} : leading_alike_of_several(run);
}

/// The first messages of `batch` whose charge is within `room`.
inline Alike leading_within(std::span<const Mail> batch, std::size_t room) {
  Alike within{0, 0};
  while (within.count < batch.size() && batch[within.count].charge() <= room - within.charge) {
    within.charge += batch[within.count++].charge();
  }
  return within;
}

/// Calls `visit` with each part of `run` that shares chunk and sender, and with its charge.
template <class Visit>
void for_each_alike(std::span<const Mail> run, Visit visit) {
  while (!run.empty()) {
    const Alike alike = leading_alike(run);
    visit(run.first(alike.count), alike.charge);
    run = run.subspan(alike.count);
  }
}

inline bool pins_scarce_memory(const base::Chunk& chunk) {
  return chunk.home() != nullptr && chunk.home()->is_under_pressure();
}

/// Makes `copies` of messages, all in one chunk with one lease each; null without memory.
inline base::Chunk* copy_out(std::span<const Mail> mails, std::size_t charge, MailBatch& copies) {
  base::Chunk* chunk = base::Chunk::allocate(charge - mails.size() * sizeof(Mail));
  if (chunk == nullptr) return nullptr;
  char* out = chunk->data();
  const auto copy = [&out](const char* text, std::size_t size) {
    if (size > 0) std::memcpy(out, text, size);
    return std::exchange(out, out + size);
  };
  for (std::size_t i = 0; i < mails.size(); ++i) {
    Mail& mail = copies[i] = mails[i];
    mail.chunk = chunk;
    mail.from = copy(mail.from, mail.from_size);
    mail.payload = copy(mail.payload, mail.payload_size);
    mail.extension = copy(mail.extension, mail.extension_size);
  }
  return chunk;
}

}  // namespace distflow::runtime::mailbox_detail
