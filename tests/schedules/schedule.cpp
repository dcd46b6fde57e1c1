#include "tests/schedules/schedule.hpp"

#include <array>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace distflow::test {
namespace {

Schedule* g_current = nullptr;
ucontext_t g_caller;

/// Kept from schedule to schedule.
char* stack_of(std::size_t thread, std::size_t size) {
  static std::array<std::unique_ptr<char[]>, kThreadsMax> stacks;
  if (!stacks[thread]) stacks[thread] = std::make_unique<char[]>(size);
  return stacks[thread].get();
}

/// The names of the file and of the function alone, without folders, class, types and parameters.
std::string name_of(const SourcePlace& where) {
  std::string_view file = where.file_name();
  file = file.substr(file.find_last_of('/') + 1);
  std::string_view function = where.function_name();
  function = function.substr(0, function.find('('));
  function = function.substr(function.find_last_of(" :*&") + 1);
  return std::string(file) + " " + std::string(function);
}

std::memory_order without(std::memory_order order, bool acquire) {
  const bool acquires = has_acquire(order) && !acquire;
  const bool releases = has_release(order) && acquire;
  if (acquires) return std::memory_order_acquire;
  return releases ? std::memory_order_release : std::memory_order_relaxed;
}

}  // namespace

Schedule* Schedule::current() { return g_current; }

Schedule::Schedule(Chooser& chooser, const Weakening* weakening)
    : chooser_(chooser), weakening_(weakening), threads_(1) {
  g_current = this;
}

Schedule::~Schedule() { g_current = nullptr; }

void Schedule::run(std::vector<std::function<void()>> bodies) {
  for (std::function<void()>& body : bodies) {
    threads_.emplace_back();
    Thread& thread = threads_.back();
    thread.body = std::move(body);
    thread.clock = threads_.front().clock;
    thread.has_ended = false;
  }
  for (std::size_t i = 1; i < threads_.size(); ++i) {
    ucontext_t& context = threads_[i].context;
    getcontext(&context);
    context.uc_stack.ss_sp = stack_of(i, kStackSize);
    context.uc_stack.ss_size = kStackSize;
    context.uc_link = nullptr;
    makecontext(&context, &Schedule::enter, 0);
  }
  running_ = 1 + chooser_.pick(threads_.size() - 1);
  swapcontext(&g_caller, &threads_[running_].context);
  running_ = 0;
  for (const Thread& thread : threads_) threads_.front().clock.join(thread.clock);
}

/// A thread from its beginning to its end.
void Schedule::enter() {
  Schedule& schedule = *g_current;
  schedule.threads_[schedule.running_].body();
  schedule.threads_[schedule.running_].has_ended = true;
  schedule.switch_point(true);
}

/// Those that can go on, the next one first: threads that all yield take turns, if nothing else is chosen.
std::vector<std::size_t> Schedule::others() const {
  std::vector<std::size_t> others;
  const std::size_t count = threads_.size() - 1;
  for (std::size_t step = 1; step < count; ++step) {
    const std::size_t i = 1 + (running_ - 1 + step) % count;
    const Thread& thread = threads_[i];
    if (!thread.has_ended && (thread.waits_for == nullptr || thread.waits_for->is_rung_)) others.push_back(i);
  }
  return others;
}

/// Goes on with another thread, or not; with another one if this one cannot go on.
void Schedule::switch_point(bool is_voluntary) {
  const std::vector<std::size_t> others = this->others();
  Thread& thread = threads_[running_];
  const bool can_go_on = !thread.has_ended && (thread.waits_for == nullptr || thread.waits_for->is_rung_);
  if (others.empty()) {
    if (can_go_on) return;
    for (std::size_t i = 1; i < threads_.size(); ++i) {
      if (!threads_[i].has_ended) fail("a wake-up is lost: thread " + std::to_string(i) + " waits for ever");
    }
    setcontext(&g_caller);
  }
  if (is_voluntary || !can_go_on) return switch_to(others[chooser_.pick(others.size())]);
  const std::size_t chosen = chooser_.pick(others.size() + 1);
  if (chosen > 0) switch_to(others[chosen - 1]);
}

void Schedule::switch_to(std::size_t thread) {
  ucontext_t& left = threads_[std::exchange(running_, thread)].context;
  swapcontext(&left, &threads_[thread].context);
}

void Schedule::fail(std::string what) {
  failure_ = std::move(what);
  if (running_ == 0) std::abort();  // a fault of the test, whose preparation failed
  setcontext(&g_caller);
  std::abort();
}

void Schedule::check(bool holds, const char* what) {
  if (holds) return;
  if (running_ == 0) {
    if (failure_.empty()) failure_ = what;
  } else {
    fail(what);
  }
}

void Schedule::wait(Bell& bell) {
  threads_[running_].waits_for = &bell;
  if (!bell.is_rung_) switch_point(true);
  threads_[running_].waits_for = nullptr;
  bell.is_rung_ = false;
}

void Schedule::yield() {
  if (running_ != 0) switch_point(true);
}

/// At each operation: others may go on first. Returns the order, weakened if it is this one's turn.
std::memory_order Schedule::pass(const char* operation, std::memory_order order, const SourcePlace& where) {
  if (running_ == 0) return order;
  if (++operations_ > kOperationsMax) fail("no end after many operations");
  switch_point(false);
  return order_at(operation, order, where);
}

std::memory_order Schedule::order_at(const char* operation, std::memory_order order, const SourcePlace& where) const {
  const bool is_under_test = std::string_view(where.file_name()).find("src/") != std::string_view::npos;
  if (sites != nullptr && is_under_test) {
    ++(*sites)[{name_of(where), operation, where.line(), order}];
  }
  if (weakening_ != nullptr && weakening_->site.line == where.line() && weakening_->site.order == order &&
      weakening_->site.operation == std::string_view(operation) && weakening_->site.function == name_of(where)) {
    return without(order, weakening_->drops_acquire);
  }
  return order;
}

std::uint64_t Schedule::load(Location& location, std::memory_order order, const SourcePlace& where) {
  order = pass("load", order, where);
  const std::size_t age = running_ == 0 ? 0 : chooser_.pick(location.choices(clock(), order));
  return location.load(age, running_, clock(), order);
}

void Schedule::store(Location& location, std::uint64_t value, std::memory_order order, const SourcePlace& where) {
  order = pass("store", order, where);
  location.store(value, running_, clock(), order);
}

bool Schedule::compare_exchange(Location& location, std::uint64_t& expected, std::uint64_t value, bool may_fail,
                                std::memory_order success, std::memory_order failure, const SourcePlace& where) {
  success = pass("compare_exchange", success, where);
  if (running_ != 0) failure = order_at("failed compare_exchange", failure, where);
  // A failure is a load, which may return an older store, as long as it is another value.
  const std::size_t age = running_ == 0 ? 0 : chooser_.pick(location.choices(clock(), failure));
  const bool is_latest = location.latest() == expected;
  if (is_latest && (age == 0 || !may_fail)) {
    location.exchange(value, running_, clock(), success);
    return true;
  }
  const std::uint64_t seen = location.load(is_latest ? 0 : age, running_, clock(), failure);
  if (!may_fail && seen == expected) {
    expected = location.load(0, running_, clock(), failure);
  } else {
    expected = seen;
  }
  return false;
}

Schedule::Word& Schedule::word(const void* address) {
  return words_.try_emplace(address, Word{make_location(0), {}, {}}).first->second;
}

std::uint64_t Schedule::load_word(const void* address, const SourcePlace& where) {
  Word& word = this->word(address);
  const std::uint64_t value = load(word.location, std::memory_order_relaxed, where);
  word.loaded.at[running_] = clock().at[running_];
  return value;
}

/// Here no load returns a value of the future, as a relaxed one may. So a store is refused that could be such a value:
/// one that did not happen after each load that was believed.
void Schedule::store_word(const void* address, std::uint64_t value, const SourcePlace& where) {
  Word& word = this->word(address);
  store(word.location, value, std::memory_order_relaxed, where);
  for (std::size_t i = 0; i < kThreadsMax && running_ != 0; ++i) {
    if (word.believed.at[i] > clock().at[i]) fail("a word is overwritten that another thread may read only later");
  }
}

void Schedule::note_believed(const void* address) {
  Word& word = this->word(address);
  word.believed.at[running_] = word.loaded.at[running_];
}

void Schedule::note(const void* address, bool writes) {
  PlainAccesses& accesses = plain_[address];
  const bool is_ordered = writes ? accesses.write(running_, clock()) : accesses.read(running_, clock());
  if (!is_ordered && running_ != 0) fail("a race: an object is accessed while another thread writes it");
}

}  // namespace distflow::test
