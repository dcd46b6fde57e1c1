// Starts a PMD beside the loop, which must not wait for a daemon to be ready: on a thread of its own.
//
// start_pmd() and heed_ended_pmd(): the loop's thread.
//   1. The outcome is posted to the loop, once, unless the loop has ended. Without it no PMD would be started again, so
//      the thread tries until there is memory and room for it, or nobody else holds the result of `keep`.
//   2. The thread holds the result of `keep` until it is done: the references in the parts must live as long.
// Use: BackgroundLauncher launcher({.options = options, .log = log, .post = ..., .keep = ...});
#pragma once

#include <functional>
#include <memory>

#include <distflow/node_options.hpp>
#include <distflow/result.hpp>

#include "base/delegate.hpp"
#include "base/log.hpp"
#include "runtime/node/pmd_starter.hpp"

namespace distflow::runtime {

struct BackgroundLauncherParts {
  const NodeOptions& options;
  const base::Log& log;
  /// Gives the loop a task; any thread. False, and the task is untouched, where there is no room or memory for it.
  base::Delegate<bool(std::function<void()>& task)> post;
  base::Delegate<std::shared_ptr<const void>()> keep;
};

class BackgroundLauncher final : public PmdStarter {
 public:
  explicit BackgroundLauncher(const BackgroundLauncherParts& parts) : parts_(parts) {}

  void start_pmd(std::function<void(Result<PmdStart>)> on_outcome) override;
  void heed_ended_pmd() override;

 private:
  [[nodiscard]] Result<PmdStart> launch() const;

  const BackgroundLauncherParts parts_;
};

}  // namespace distflow::runtime
