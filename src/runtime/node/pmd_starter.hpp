// How a node that finds no PMD has one started.
//
// Loop thread only.
// Use: starter.start_pmd([this](const Result<PmdStart>& outcome) { ... });
#pragma once

#include <functional>

#include <distflow/result.hpp>

namespace distflow::runtime {

enum class PmdStart {
  started,
  already_running,  ///< somebody else was quicker
};

/// Starts a PMD, for a node that found none.
class PmdStarter {
 public:
  /// `on_outcome` is called later, on the loop's thread. The error is one of pmd::launch_pmd(). May throw
  /// std::bad_alloc, and has started nothing then.
  virtual void start_pmd(std::function<void(Result<PmdStart>)> on_outcome) = 0;
  /// The PMD is away, or is another one now: one that this process had started may have ended.
  virtual void heed_ended_pmd() {}

 protected:
  ~PmdStarter() = default;
};

}  // namespace distflow::runtime
