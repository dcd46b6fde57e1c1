// How long to wait before trying again: doubling from `first` to `last`, each time a random part of the upper half.
//
// A value; one thread at a time.
// Use: reactor.arm_after(retry_timer, backoff.next(random)); ... backoff.reset();
#pragma once

#include <algorithm>

#include "base/random.hpp"
#include "base/time.hpp"

namespace distflow::stream {

struct BackoffOptions {
  base::Duration first = base::milliseconds(50);
  base::Duration last = base::seconds(2);
};

class Backoff {
 public:
  explicit Backoff(BackoffOptions options = {}) : options_(options), ceiling_(options.first) {}

  /// Between half and the whole of a ceiling that doubles with each call.
  base::Duration next(base::Random& random) {
    const base::Duration ceiling = ceiling_;
    ceiling_ = ceiling > options_.last / 2 ? options_.last : ceiling * 2;
    const auto half = static_cast<std::uint64_t>(ceiling.count() / 2);
    return base::Duration(static_cast<base::Duration::rep>(half + random.uniform(half + 1)));
  }

  /// After a success: begins anew.
  void reset() { ceiling_ = options_.first; }

 private:
  BackoffOptions options_;
  base::Duration ceiling_;
};

}  // namespace distflow::stream
