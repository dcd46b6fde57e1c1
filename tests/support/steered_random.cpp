#include "tests/support/steered_random.hpp"

#include <dlfcn.h>
#include <sys/random.h>
#include <sys/types.h>

#include <cstddef>
#include <cstring>
#include <mutex>
#include <vector>

namespace {

std::mutex mutex;
std::vector<std::uint32_t> steered;  // empty: the system's
std::size_t given = 0;

using GetRandom = ssize_t (*)(void*, std::size_t, unsigned);

}  // namespace

/// Stands before the system's.
extern "C" ssize_t getrandom(void* out, std::size_t size, unsigned flags) {
  const std::scoped_lock lock(mutex);
  if (steered.empty() || size % sizeof(std::uint32_t) != 0) {
    static const auto from_system = reinterpret_cast<GetRandom>(::dlsym(RTLD_NEXT, "getrandom"));
    return from_system(out, size, flags);
  }
  for (std::size_t at = 0; at < size; at += sizeof(std::uint32_t)) {
    std::memcpy(static_cast<char*>(out) + at, &steered[given++ % steered.size()], sizeof(std::uint32_t));
  }
  return static_cast<ssize_t>(size);
}

namespace distflow::test {

SteeredRandom::SteeredRandom(std::initializer_list<std::uint32_t> words) {
  const std::scoped_lock lock(mutex);
  steered = words;
  given = 0;
}

SteeredRandom::~SteeredRandom() {
  const std::scoped_lock lock(mutex);
  steered.clear();
}

}  // namespace distflow::test
