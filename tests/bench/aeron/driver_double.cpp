// A test double of aeronmd: makes its directory, tells its pid there, and does nothing until SIGINT, which it ends in
// order at, as every version does; SIGTERM just ends it, as older ones. It ends at once if it was not set up for two
// processors, or if AERON_DOUBLE_FAILS is set.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace {

volatile std::sig_atomic_t is_interrupted = 0;

void note_interrupt(int /*signal*/) { is_interrupted = 1; }

bool is_set(const char* name, const char* value) {
  const char* const found = std::getenv(name);
  return found != nullptr && std::string(found) == value;
}

}  // namespace

int main() {
  const char* const directory = std::getenv("AERON_DIR");
  if (directory == nullptr || std::getenv("AERON_DOUBLE_FAILS") != nullptr) return 1;
  if (!is_set("AERON_THREADING_MODE", "SHARED") || !is_set("AERON_SHARED_IDLE_STRATEGY", "sleeping")) return 1;
  sigset_t interrupt{};
  sigset_t as_it_was{};
  ::sigemptyset(&interrupt);
  ::sigaddset(&interrupt, SIGINT);
  ::signal(SIGINT, note_interrupt);
  ::sigprocmask(SIG_BLOCK, &interrupt, &as_it_was);
  if (::mkdir(directory, 0700) != 0) return 1;  // also if it is there: another driver's
  const std::string path = std::string(directory) + "/cnc.dat";
  std::ofstream(path + ".new") << ::getpid() << '\n';
  std::filesystem::rename(path + ".new", path);
  // With the mask that was inherited: aeronmd unblocks nothing.
  while (is_interrupted == 0) ::sigsuspend(&as_it_was);
  std::puts("Shutting down driver...");
  std::fputs("driver double: ended in order\n", stderr);
  if (is_set("AERON_DIR_DELETE_ON_SHUTDOWN", "1")) std::filesystem::remove_all(directory);
}
