#include "tests/support/failing_threads.hpp"

#include <dlfcn.h>
#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <limits>

namespace {

constinit std::atomic<int> threads_left{std::numeric_limits<int>::max()};

using Create = int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);

}  // namespace

/// Stands before the system's.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                              void* argument) {
  if (threads_left.load() <= 0) return EAGAIN;
  if (threads_left.load() != std::numeric_limits<int>::max()) threads_left.fetch_sub(1);
  static const auto create = reinterpret_cast<Create>(::dlsym(RTLD_NEXT, "pthread_create"));
  return create(thread, attributes, run, argument);
}

namespace distflow::test {

ThreadsLeft::ThreadsLeft(int count) { threads_left = count; }
ThreadsLeft::~ThreadsLeft() { threads_left = std::numeric_limits<int>::max(); }

}  // namespace distflow::test
