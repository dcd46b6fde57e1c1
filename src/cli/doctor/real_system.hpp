// The machine as it is, for the doctor's checks.
//
// One thread; blocking. What the PMD says is asked once, and remembered.
// Use: RealSystem system(arguments.host, arguments.port);
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/doctor/system_view.hpp"

namespace distflow::cli {

class RealSystem final : public SystemView {
 public:
  RealSystem(std::string host, std::uint16_t port);
  ~RealSystem() override;

  Result<std::string> read_file(const std::string& path) override;
  Result<std::vector<std::string>> list_folder(const std::string& path) override;
  Result<std::string> read_link(const std::string& path) override;
  Result<std::uint32_t> owner_of(const std::string& path) override;
  std::uint32_t own_user() override;
  std::size_t processor_count() override;
  std::int64_t wall_ms() override;
  std::int64_t clock_ticks_per_second() override;
  Result<DescriptorLimits> descriptor_limits() override;
  Result<void> share_memory() override;
  std::string uring_refusal() override;
  Result<void> connect(const std::string& host, std::uint16_t port) override;
  std::string pmd_host() override { return host_; }
  std::uint16_t pmd_port() override { return port_; }
  Result<std::vector<protocol::NodeInfo>> nodes() override;
  Result<protocol::Hello> hello() override;
  Result<std::string> pmd_program() override;

 private:
  class Dials;
  void ask_pmd();

  const std::string host_;
  const std::uint16_t port_;
  std::unique_ptr<Dials> dials_;  // since the first
  std::optional<Result<std::vector<protocol::NodeInfo>>> nodes_;
  std::optional<Result<protocol::Hello>> hello_;
};

}  // namespace distflow::cli
