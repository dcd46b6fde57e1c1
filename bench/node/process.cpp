#include "bench/node/process.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <string>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::size_t resident_bytes(std::int64_t process_id) {
  const std::string path = "/proc/" + std::to_string(process_id) + "/statm";
  std::FILE* file = std::fopen(path.c_str(), "r");
  unsigned long pages = 0;
  if (file == nullptr || std::fscanf(file, "%*u %lu", &pages) != 1) give_up("there is no " + path);
  std::fclose(file);
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

void tell_memory(std::int64_t process_id) { std::fprintf(stderr, "memory %zu\n", resident_bytes(process_id)); }

}  // namespace distflow::bench
