// NodeHost's look-up of a name that the replica does not know: the caller waits for what the PMD says.
#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "runtime/process/node_host.hpp"

namespace distflow::runtime {
namespace {

constexpr base::Duration kResolveTimeout = base::seconds(5);
constexpr const char* kResolving = "resolving a name";

/// What comes of a look-up that another thread waits for. Once, however its question ends: shut_down where it is
/// dropped together with the loop.
class AwaitedLookUp {
 public:
  AwaitedLookUp() = default;
  AwaitedLookUp(const AwaitedLookUp&) = delete;
  AwaitedLookUp& operator=(const AwaitedLookUp&) = delete;
  ~AwaitedLookUp() { end(Error{Errc::shut_down, kResolving}); }

  [[nodiscard]] std::future<Result<PeerInfo>> outcome() { return outcome_.get_future(); }
  void end(Result<PeerInfo> outcome) {
    if (!std::exchange(has_ended_, true)) outcome_.set_value(std::move(outcome));
  }

 private:
  std::promise<Result<PeerInfo>> outcome_;
  bool has_ended_ = false;
};

}  // namespace

Result<PeerInfo> NodeHost::look_up(std::string_view name) {
  if (is_forked()) return Error{Errc::forked, kResolving};
  if (!is_running()) return Error{Errc::shut_down, kResolving};
  if (std::optional<PeerInfo> known = node_->directory().find_info(name)) return *std::move(known);

  if (loop_.is_inside()) return Error{Errc::node_not_found, kResolving};  // cannot wait here
  auto asked = std::make_shared<AwaitedLookUp>();
  std::future<Result<PeerInfo>> outcome = asked->outcome();
  // The question alone holds what is awaited, so that its end is noticed, however it ends.
  const base::Pushed posted = post([this, asked = std::move(asked), text = std::string(name)] {
    if (node_->is_closing()) return asked->end(Error{Errc::shut_down, kResolving});
    const auto ask = [&] {
      node_->ask_registry(text, [asked](Result<PeerInfo> info) {
        const bool is_over = !info && info.error() == Errc::canceled;  // the registry was closed, as the node ends
        asked->end(is_over ? Result<PeerInfo>(Error{Errc::shut_down, kResolving}) : std::move(info));
      });
    };
    if (!loop_.reactor().has_memory_for(ask)) asked->end(Error{Errc::out_of_memory, kResolving});
  });
  if (!posted) return Error{posted.lacks_memory() ? Errc::out_of_memory : Errc::queue_full, kResolving};
  const auto is_ready = [&outcome] { return outcome.wait_for(std::chrono::seconds(0)) == std::future_status::ready; };
  const base::Instant until = now() + kResolveTimeout;
  if (is_loop_thread() || is_at_place()) {
    loop_.turn_until(is_ready, until);
  } else {
    outcome.wait_until(until);
  }
  if (!is_ready()) return Error{Errc::timed_out, kResolving};
  return outcome.get();
}

}  // namespace distflow::runtime
