// A test double of Aeron's C client: each stream is a ring of one writer and one reader in a file of the driver's
// directory. It says nothing of Aeron's speed; it answers as aeronc.h documents, with each verdict that is to be
// expected: not yet, not connected, back pressure, an administration action.
#include <aeronc.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <new>
#include <string>

namespace {

/// More than an open loop may be ahead of its replies (bench/peers/roles.hpp), as a term of Aeron's is.
constexpr std::size_t kSlots = 1024;
constexpr std::size_t kSlotSize = 1376;
/// Of so many offers one is told to come again, as when a log turns to its next term, and one as when it is full.
constexpr std::uint64_t kTerm = 100;

struct Slot {
  std::size_t size;
  std::array<std::uint8_t, kSlotSize> bytes;
};

/// In the file; all zeroes at first.
struct Ring {
  alignas(64) std::atomic<std::uint64_t> written;
  alignas(64) std::atomic<std::uint64_t> taken;
  alignas(64) std::atomic<std::uint32_t> has_publication;
  std::atomic<std::uint32_t> has_subscription;
  std::array<Slot, kSlots> slots;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

thread_local std::string fault;

int fail(const std::string& why) {
  fault = why;
  return -1;
}

Ring* map(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  void* memory = MAP_FAILED;
  if (fd >= 0 && ::ftruncate(fd, sizeof(Ring)) == 0) {
    memory = ::mmap(nullptr, sizeof(Ring), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (fd >= 0) ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<Ring*>(memory);
}

}  // namespace

struct aeron_context_stct {
  std::string directory;
};

struct aeron_stct {
  const aeron_context_t* context;
  bool has_started = false;
};

struct aeron_client_registering_resource_stct {
  Ring* ring;
  int polls_left = 2;  // the driver is another process, and takes its time
};

struct aeron_exclusive_publication_stct {
  Ring* ring;
  std::uint64_t offers = 0;
};

struct aeron_subscription_stct {
  Ring* ring;
};

namespace {

int add(aeron_client_registering_resource_stct** async, const aeron_t* client, const char* uri, std::int32_t stream) {
  if (!client->has_started) return fail("the client has not started");
  if (std::string(uri) != "aeron:ipc") return fail("the double knows aeron:ipc only");
  Ring* ring = map(client->context->directory + "/stream-" + std::to_string(stream));
  if (ring == nullptr) return fail("no stream can be mapped in " + client->context->directory);
  *async = new aeron_client_registering_resource_stct{.ring = ring};
  return 0;
}

/// What polling gives: 0 until it is done, and then the ring, once.
Ring* take(aeron_client_registering_resource_stct* async) {
  if (--async->polls_left > 0) return nullptr;
  Ring* const ring = async->ring;
  delete async;
  return ring;
}

}  // namespace

int aeron_context_init(aeron_context_t** context) {
  *context = new aeron_context_t();
  return 0;
}

int aeron_context_close(aeron_context_t* context) {
  delete context;
  return 0;
}

int aeron_context_set_dir(aeron_context_t* context, const char* value) {
  context->directory = value;
  return 0;
}

int aeron_context_set_pre_touch_mapped_memory(aeron_context_t* /*context*/, bool /*value*/) { return 0; }
int aeron_context_set_idle_sleep_duration_ns(aeron_context_t* /*context*/, std::uint64_t /*value*/) { return 0; }

int aeron_init(aeron_t** client, aeron_context_t* context) {
  if (!aeron_is_driver_active(context->directory.c_str(), 0, nullptr))
    return fail("no driver in " + context->directory);
  *client = new aeron_t{.context = context};
  return 0;
}

int aeron_start(aeron_t* client) {
  client->has_started = true;
  return 0;
}

int aeron_close(aeron_t* client) {
  delete client;
  return 0;
}

int aeron_async_add_exclusive_publication(aeron_async_add_exclusive_publication_t** async, aeron_t* client,
                                          const char* uri, std::int32_t stream_id) {
  return add(async, client, uri, stream_id);
}

int aeron_async_add_exclusive_publication_poll(aeron_exclusive_publication_t** publication,
                                               aeron_async_add_exclusive_publication_t* async) {
  Ring* const ring = take(async);
  if (ring == nullptr) return 0;
  ring->has_publication = 1;
  *publication = new aeron_exclusive_publication_t{.ring = ring};
  return 1;
}

std::int64_t aeron_exclusive_publication_offer(aeron_exclusive_publication_t* publication, const std::uint8_t* buffer,
                                               std::size_t length, aeron_reserved_value_supplier_t /*supplier*/,
                                               void* /*clientd*/) {
  Ring& ring = *publication->ring;
  if (length > kSlotSize) {
    fail("the double takes one fragment only");
    return AERON_PUBLICATION_ERROR;
  }
  if (ring.has_subscription == 0) return AERON_PUBLICATION_NOT_CONNECTED;
  const std::uint64_t place = ++publication->offers % kTerm;
  if (place == 0) return AERON_PUBLICATION_ADMIN_ACTION;
  if (place == kTerm / 2) return AERON_PUBLICATION_BACK_PRESSURED;
  const std::uint64_t written = ring.written.load(std::memory_order_relaxed);
  // acquire: the reader is done with the slot.
  if (written - ring.taken.load(std::memory_order_acquire) == kSlots) return AERON_PUBLICATION_BACK_PRESSURED;
  Slot& slot = ring.slots[written % kSlots];
  slot.size = length;
  std::memcpy(slot.bytes.data(), buffer, length);
  ring.written.store(written + 1, std::memory_order_release);  // pairs with aeron_subscription_poll()
  return static_cast<std::int64_t>(written + 1);
}

bool aeron_exclusive_publication_is_connected(aeron_exclusive_publication_t* publication) {
  return publication->ring->has_subscription != 0;
}

int aeron_exclusive_publication_close(aeron_exclusive_publication_t* publication, aeron_notification_t /*done*/,
                                      void* /*clientd*/) {
  ::munmap(publication->ring, sizeof(Ring));
  delete publication;
  return 0;
}

int aeron_async_add_subscription(aeron_async_add_subscription_t** async, aeron_t* client, const char* uri,
                                 std::int32_t stream_id, aeron_on_available_image_t /*available*/, void* /*clientd*/,
                                 aeron_on_unavailable_image_t /*unavailable*/, void* /*clientd*/) {
  return add(async, client, uri, stream_id);
}

int aeron_async_add_subscription_poll(aeron_subscription_t** subscription, aeron_async_add_subscription_t* async) {
  Ring* const ring = take(async);
  if (ring == nullptr) return 0;
  ring->has_subscription = 1;
  *subscription = new aeron_subscription_t{.ring = ring};
  return 1;
}

int aeron_subscription_poll(aeron_subscription_t* subscription, aeron_fragment_handler_t handler, void* clientd,
                            std::size_t fragment_limit) {
  Ring& ring = *subscription->ring;
  int count = 0;
  std::uint64_t taken = ring.taken.load(std::memory_order_relaxed);
  while (static_cast<std::size_t>(count) < fragment_limit && taken != ring.written.load(std::memory_order_acquire)) {
    const Slot& slot = ring.slots[taken % kSlots];
    handler(clientd, slot.bytes.data(), slot.size, nullptr);
    ring.taken.store(++taken, std::memory_order_release);
    ++count;
  }
  return count;
}

bool aeron_subscription_is_connected(aeron_subscription_t* subscription) {
  return subscription->ring->has_publication != 0;
}

int aeron_subscription_close(aeron_subscription_t* subscription, aeron_notification_t /*done*/, void* /*clientd*/) {
  ::munmap(subscription->ring, sizeof(Ring));
  delete subscription;
  return 0;
}

bool aeron_is_driver_active(const char* dirname, std::int64_t /*timeout_ms*/, aeron_log_func_t /*log_func*/) {
  ::pid_t pid = 0;
  std::ifstream(std::string(dirname) + "/cnc.dat") >> pid;
  return pid > 0 && ::kill(pid, 0) == 0;
}

const char* aeron_errmsg() { return fault.c_str(); }
