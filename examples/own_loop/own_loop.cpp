// own_loop: a node inside the event loop of a program, here epoll with a timer and signals beside it.
//
//     own_loop NAME       sends a tick to NAME ten times a second, prints what comes, until SIGINT or SIGTERM
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

using namespace std::chrono_literals;

namespace {

bool watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

/// What epoll_wait() takes: milliseconds, or -1 for "until something happens".
int timeout_of(std::chrono::milliseconds time) {
  return time == std::chrono::milliseconds::max() ? -1 : static_cast<int>(std::min<std::int64_t>(time.count(), 60'000));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') return std::fputs("Usage: own_loop NAME\n", stderr), 2;
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  auto node = distflow::NodeRuntime::start({.threading = distflow::Threading::caller});
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  node->on_message([](const distflow::Message& message) {
    std::printf("gets %s\n", distflow::printable(message.payload).c_str());
    std::fflush(stdout);
  });

  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  const int signals = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  const itimerspec every_tenth{.it_interval = {0, 100'000'000}, .it_value = {0, 100'000'000}};
  timerfd_settime(timer, 0, &every_tenth, nullptr);
  if (!watch(epoll, node->fd()) || !watch(epoll, signals) || !watch(epoll, timer)) return std::perror("epoll"), 1;
  std::printf("sends ticks to %s\n", distflow::printable(argv[1]).c_str());
  std::fflush(stdout);

  int ticks = 0;
  for (bool is_over = false; !is_over;) {
    std::array<epoll_event, 8> events{};
    const int count =
        epoll_wait(epoll, events.data(), static_cast<int>(events.size()), timeout_of(node->poll_within()));
    for (const epoll_event& event : std::span(events).first(static_cast<std::size_t>(std::max(count, 0)))) {
      std::uint64_t expired = 0;
      if (event.data.fd == signals) is_over = true;
      if (event.data.fd == timer && read(timer, &expired, sizeof expired) > 0)
        node->send(argv[1], R"({"tick":)" + std::to_string(++ticks) + "}");
    }
    static_cast<void>(node->poll(0ms));  // after each wait: the node's timers do not make its descriptor readable
  }
  const auto report = node->shutdown();
  for (const int fd : {timer, signals, epoll}) close(fd);
  return report ? 0 : 1;
}
