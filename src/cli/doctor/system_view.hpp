// What the doctor's checks see of the machine and of the PMD: the only way to either, so that tests can plant faults.
//
// One thread; blocking. Paths are those of Linux; on a system without them the reads fail, and checks say so.
// Use: const Result<std::string> text = system.read_file("/proc/loadavg");
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <distflow/result.hpp>

#include "protocol/pmd_reply.hpp"

namespace distflow::cli {

struct DescriptorLimits {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};

class SystemView {
 public:
  virtual ~SystemView() = default;

  /// At most 256 KiB of the file.
  virtual Result<std::string> read_file(const std::string& path) = 0;
  /// The names in a folder, at most 4096.
  virtual Result<std::vector<std::string>> list_folder(const std::string& path) = 0;
  /// Where a symbolic link leads to.
  virtual Result<std::string> read_link(const std::string& path) = 0;
  virtual Result<std::uint32_t> owner_of(const std::string& path) = 0;

  virtual std::uint32_t own_user() = 0;
  virtual std::size_t processor_count() = 0;
  virtual std::int64_t wall_ms() = 0;
  virtual std::int64_t clock_ticks_per_second() = 0;
  virtual Result<DescriptorLimits> descriptor_limits() = 0;
  /// Creates shared memory and opens it by its name, as two nodes do.
  virtual Result<void> share_memory() = 0;
  /// Why io_uring cannot be used; empty when it can.
  virtual std::string uring_refusal() = 0;
  /// Whether somebody accepts a connection there within two seconds.
  virtual Result<void> connect(const std::string& host, std::uint16_t port) = 0;

  /// Where the PMD is looked for.
  virtual std::string pmd_host() = 0;
  virtual std::uint16_t pmd_port() = 0;
  virtual Result<std::vector<protocol::NodeInfo>> nodes() = 0;
  virtual Result<protocol::Hello> hello() = 0;
  /// Where distflow-pmd is, that a node would start.
  virtual Result<std::string> pmd_program() = 0;
};

}  // namespace distflow::cli
