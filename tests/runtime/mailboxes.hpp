// Each kind of mailbox, for tests of what all of them promise.
//
// Use: INSTANTIATE_TEST_SUITE_P(Kind, Test, test::every_mailbox(), test::mailbox_name);
//      std::unique_ptr<runtime::Mailbox> mailbox = test::make_mailbox(GetParam(), {.max_size = 10});
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "runtime/receive/conflating_mailbox.hpp"
#include "runtime/receive/ring_mailbox.hpp"

namespace distflow::test {

/// `conflating`: by the member "key", which messages of MailMaker have only where a test gives it to them.
enum class MailboxKind { ring, conflating };

inline std::unique_ptr<runtime::Mailbox> make_mailbox(MailboxKind kind, runtime::MailboxOptions options) {
  if (kind == MailboxKind::ring) return std::make_unique<runtime::RingMailbox>(options);
  return std::make_unique<runtime::ConflatingMailbox>(options, runtime::ConflationKey("key", "receiver", {}),
                                                      base::SipKey{1, 2});
}

inline auto every_mailbox() { return ::testing::Values(MailboxKind::ring, MailboxKind::conflating); }

inline std::string mailbox_name(const ::testing::TestParamInfo<MailboxKind>& tested) {
  return tested.param == MailboxKind::ring ? "ring" : "conflating";
}

}  // namespace distflow::test
