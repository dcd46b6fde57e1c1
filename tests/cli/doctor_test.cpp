// Each check of `distflow doctor`, on a machine that has the fault planted, and on one that has not.
#include "cli/doctor/doctor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "cli/doctor/parse.hpp"
#include "cli/exit_code.hpp"

namespace distflow::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const Error kAbsent{std::make_error_code(std::errc::no_such_file_or_directory), "opening a file"};
const Error kRefused{std::make_error_code(std::errc::connection_refused), "connecting"};

/// A machine on which all is well, and a PMD without nodes. Tests plant their faults in its members.
class FakeSystem final : public SystemView {
 public:
  std::map<std::string, std::string> files{
      {"/proc/self/stat", "7 (distflow) R"},
      {"/proc/7/stat", "7 (distflow) R"},
      {"/proc/self/mounts", "proc /proc proc rw,nosuid 0 0\n"},
      {"/proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"},
      {"/proc/net/sockstat", "sockets: used 100\nTCP: inuse 5 orphan 0 tw 2 alloc 9 mem 2\nUDP: inuse 30000 mem 0\n"},
      {"/proc/sys/fs/file-nr", "1000\t0\t100000\n"},
      {"/proc/sys/net/ipv4/ip_local_port_range", "32768\t60999\n"},
      {"/proc/sys/net/ipv4/tcp_congestion_control", "cubic\n"},
      {"/proc/loadavg", "0.50 0.60 0.70 1/100 1234\n"},
      {"/proc/stat", "cpu  500 0 100 400 0 0 0 10 0 0\ncpu0 1 2 3\n"},
      {"/proc/uptime", "1000.00 2000.00\n"},
      // The PMD's process: user 1000; started 600 s after the machine, which is 400 s ago.
      {"/proc/4711/status", "Name:\tdistflow-pmd\nUid:\t1000\t1000\t1000\t1000\n"},
      {"/proc/4711/stat", "4711 (a) name) S 1 4711 4711 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 60000 1 1\n"},
  };
  std::vector<std::string> temporary;
  std::map<std::string, std::string> links{{"/proc/4711/exe", "/usr/bin/distflow-pmd"}};
  std::map<std::string, std::uint32_t> owners;
  std::uint32_t user = 1000;
  std::int64_t now_ms = 1'000'000'000;
  Result<DescriptorLimits> limits = DescriptorLimits{.soft = 1024, .hard = 4096};
  Result<void> shared = {};
  std::string uring;
  std::map<std::uint16_t, Error> closed_ports;
  std::string host = "127.0.0.1";
  std::uint16_t port = 4369;
  Result<std::vector<protocol::NodeInfo>> registered = std::vector<protocol::NodeInfo>{};
  Result<protocol::Hello> greeting =
      protocol::Hello{.version = 1, .caps = {}, .pid = 4711, .start_time_ms = 1'000'000'000 - 400'000};
  Result<std::string> program = std::string("/usr/bin/distflow-pmd");

  void add_node(const std::string& name, const std::string& at, std::uint16_t own_port) {
    registered->push_back({.node_id = "id-" + name, .alias = name, .host = at, .port = own_port});
  }

  Result<std::string> read_file(const std::string& path) override {
    const auto found = files.find(path);
    return found == files.end() ? Result<std::string>(kAbsent) : found->second;
  }
  Result<std::vector<std::string>> list_folder(const std::string&) override { return temporary; }
  Result<std::string> read_link(const std::string& path) override {
    const auto found = links.find(path);
    return found == links.end() ? Result<std::string>(kAbsent) : found->second;
  }
  Result<std::uint32_t> owner_of(const std::string& path) override {
    const auto found = owners.find(path);
    return found == owners.end() ? user : found->second;
  }
  std::uint32_t own_user() override { return user; }
  std::size_t processor_count() override { return 2; }
  std::int64_t wall_ms() override { return now_ms; }
  std::int64_t clock_ticks_per_second() override { return 100; }
  Result<DescriptorLimits> descriptor_limits() override { return limits; }
  Result<void> share_memory() override { return shared; }
  std::string uring_refusal() override { return uring; }
  Result<void> connect(const std::string&, std::uint16_t to) override {
    const auto found = closed_ports.find(to);
    return found == closed_ports.end() ? Result<void>() : found->second;
  }
  std::string pmd_host() override { return host; }
  std::uint16_t pmd_port() override { return port; }
  Result<std::vector<protocol::NodeInfo>> nodes() override { return registered; }
  Result<protocol::Hello> hello() override { return greeting; }
  Result<std::string> pmd_program() override { return program; }
};

/// The only finding, as "problem: WHAT REMEDY"; what else it is when it is not one.
std::string only(const Outcome& outcome) {
  if (!outcome.unchecked.empty()) return "unchecked: " + outcome.unchecked;
  if (outcome.findings.empty()) return "fine: " + outcome.seen;
  if (outcome.findings.size() > 1) return "several";
  const Finding& finding = outcome.findings[0];
  return (finding.severity == Severity::problem ? "problem: " : "hint: ") + finding.what + " " + finding.remedy;
}

TEST(Doctor, finds_nothing_on_a_machine_on_which_all_is_well) {
  FakeSystem system;
  for (const Check& check : all_checks())
    EXPECT_THAT(only(check.run(system)), ::testing::StartsWith("fine: ")) << check.name;
  EXPECT_EQ(examine({}, system, {}).exit_code, kExitSuccess);
}

TEST(Doctor, a_check_that_cannot_be_made_says_why_and_is_no_problem) {
  FakeSystem system;
  system.files.clear();
  system.registered = kRefused;
  system.greeting = kRefused;
  system.limits = kAbsent;
  for (const Check& check : all_checks()) {
    const Outcome outcome = check.run(system);
    EXPECT_THAT(outcome.findings, IsEmpty()) << check.name;
  }
  EXPECT_THAT(only(check_load(system)), HasSubstr("unchecked: /proc/loadavg"));
  EXPECT_THAT(only(check_addresses(system)), HasSubstr("unchecked: no PMD"));
  EXPECT_EQ(examine({}, system, {}).exit_code, kExitSuccess);
}

TEST(Doctor, names_what_holds_the_port_of_the_pmd) {
  FakeSystem system;
  const std::map<Errc, std::string> cases{{Errc::erlang_epmd, "problem: Erlang's epmd answers at 127.0.0.1:4369"},
                                          {Errc::not_a_pmd, "problem: Another program than a PMD answers"},
                                          {Errc::pmd_silent, "problem: Something listens at 127.0.0.1:4369 and"},
                                          {Errc::name_not_found, "problem: No PMD can be reached"}};
  for (const auto& [code, expected] : cases) {
    system.registered = Error{code, "asking"};
    EXPECT_THAT(only(check_pmd(system)), HasSubstr(expected));
  }
}

TEST(Doctor, no_pmd_is_fine_while_a_node_can_start_one) {
  FakeSystem system;
  system.registered = kRefused;
  EXPECT_THAT(only(check_pmd(system)), HasSubstr("fine: No PMD runs"));
  system.program = Error{Errc::pmd_not_found, "looking"};
  EXPECT_THAT(only(check_pmd(system)),
              HasSubstr("problem: No PMD runs at 127.0.0.1:4369, and its program is not found."));
}

TEST(Doctor, a_pmd_of_another_version_make_user_or_installation_is_told_apart) {
  FakeSystem version;
  version.greeting->version = 2;
  EXPECT_THAT(only(check_pmd(version)), HasSubstr("problem: The PMD speaks version 2 of the protocol"));
  FakeSystem make;
  make.greeting = Error{Errc::refused, "asking"};
  EXPECT_THAT(only(check_pmd(make)), HasSubstr("hint: The PMD is one of the TypeScript distflow"));
  FakeSystem user;
  user.user = 1001;
  EXPECT_THAT(only(check_pmd(user)), HasSubstr("hint: The PMD belongs to user 1000, and you are user 1001."));
  FakeSystem root;
  root.files["/proc/4711/status"] = "Uid:\t0\t0\t0\t0\n";
  EXPECT_THAT(only(check_pmd(root)), HasSubstr("fine: "));
  FakeSystem replaced;
  replaced.links["/proc/4711/exe"] = "/usr/bin/distflow-pmd (deleted)";
  EXPECT_THAT(only(check_pmd(replaced)), HasSubstr("hint: The PMD's program was replaced"));
}

TEST(Doctor, nodes_that_nobody_reaches_are_named) {
  FakeSystem system;
  system.add_node("here", "127.0.0.1", 1);
  system.add_node("go\x1bne", "127.0.0.1", 2);
  system.closed_ports.emplace(2, kRefused);
  EXPECT_THAT(only(check_addresses(system)),
              HasSubstr(R"(problem: Node go\u{1b}ne at 127.0.0.1:2 does not accept: Connection refused.)"));
  EXPECT_EQ(check_addresses(system).seen, "1 of 2 nodes accept.");
}

TEST(Doctor, many_nodes_that_nobody_reaches_are_counted) {
  FakeSystem system;
  for (std::uint16_t i = 1; i <= 300; ++i) {
    system.add_node("n" + std::to_string(i), "10.0.0.1", i);
    system.closed_ports.emplace(i, kRefused);
  }
  const Outcome outcome = check_addresses(system);
  EXPECT_EQ(outcome.findings.size(), 9U);
  EXPECT_EQ(outcome.findings.back().what, "248 more nodes are not reached.");
  EXPECT_EQ(outcome.seen, "0 of 256 nodes accept. The other 44 were not tried.");
}

TEST(Doctor, a_node_of_another_machine_that_gives_its_loopback_address_is_named) {
  FakeSystem system;
  system.host = "10.0.0.9";
  system.add_node("lonely", "127.0.0.1", 1);
  EXPECT_THAT(only(check_addresses(system)),
              HasSubstr("problem: Node lonely at 127.0.0.1:1 is reached on its own machine only."));
}

TEST(Doctor, a_clock_that_was_set_while_the_pmd_ran_is_noticed_in_both_directions) {
  FakeSystem forward;
  forward.now_ms += 3'600'000;
  EXPECT_THAT(only(check_clock(forward)), HasSubstr("hint: The clock was set forward by 3600 s"));
  FakeSystem back;
  back.now_ms -= 60'000;
  EXPECT_THAT(only(check_clock(back)), HasSubstr("hint: The clock was set back by 60 s"));
  FakeSystem elsewhere;
  elsewhere.files.erase("/proc/4711/stat");
  EXPECT_THAT(only(check_clock(elsewhere)), HasSubstr("unchecked: "));
}

TEST(Doctor, a_pmd_that_says_it_was_started_at_no_possible_time_is_told_of_and_nothing_overflows) {
  for (const std::int64_t said : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    FakeSystem system;
    system.greeting->start_time_ms = said;
    EXPECT_THAT(only(check_clock(system)),
                HasSubstr(said < 0 ? "hint: The clock was set forward by 92" : "hint: The clock was set back by 92"));
  }
}

TEST(Doctor, lock_files_of_dead_processes_are_counted_and_those_of_others_are_not) {
  FakeSystem system;
  system.temporary = {"distflow-node-7.lock", "distflow-node-8.lock", "distflow-node-9.lock",
                      "distflow-node-x.lock", "distflow-node-.lock",  "other"};
  system.owners["/tmp/distflow-node-9.lock"] = 0;
  EXPECT_THAT(only(check_locks(system)),
              HasSubstr("hint: 1 lock file of killed processes in /tmp, such as distflow-node-8.lock."));
  system.temporary = {"distflow-node-7.lock"};
  EXPECT_EQ(only(check_locks(system)), "fine: 1 process of this machine with a node, as the lock files say.");
}

TEST(Doctor, a_machine_without_ipv6_on_loopback_is_said_to_be) {
  FakeSystem system;
  system.files["/proc/net/if_inet6"] = "fe800000000000000000000000000001 02 40 20 80 eth0\n";
  EXPECT_THAT(only(check_ipv6(system)), HasSubstr("hint: The loopback interface has no IPv6 address"));
  system.files.erase("/proc/net/if_inet6");
  EXPECT_THAT(only(check_ipv6(system)), HasSubstr("hint: This kernel has no IPv6."));
}

TEST(Doctor, too_few_descriptors_for_the_nodes_there_are_is_a_problem) {
  FakeSystem system;
  for (int i = 0; i < 500; ++i) system.add_node("n" + std::to_string(i), "127.0.0.1", 1);
  EXPECT_THAT(only(check_descriptors(system)),
              HasSubstr("problem: A node started here has 1024 descriptors, and may need 1064"));
  FakeSystem few;
  few.limits = DescriptorLimits{.soft = 256, .hard = 4096};
  EXPECT_THAT(only(check_descriptors(few)), HasSubstr("hint: A program started here may open 256 descriptors only."));
  EXPECT_THAT(only(check_descriptors(few)), HasSubstr("'ulimit -n 4096'"));
}

TEST(Doctor, a_system_that_is_out_of_files_is_a_problem) {
  FakeSystem system;
  system.files["/proc/sys/fs/file-nr"] = "95000\t0\t100000\n";
  EXPECT_THAT(only(check_descriptors(system)), HasSubstr("problem: The system has 95000 of its 100000 files open."));
}

TEST(Doctor, ephemeral_ports_that_are_few_or_used_up_are_a_problem) {
  FakeSystem few;
  few.files["/proc/sys/net/ipv4/ip_local_port_range"] = "60000 60999\n";
  EXPECT_THAT(only(check_ports(few)), HasSubstr("problem: There are 1000 ephemeral ports only"));
  FakeSystem used;
  used.files["/proc/net/sockstat"] = "TCP: inuse 2000 orphan 0 tw 25000 alloc 9 mem 2\n";
  EXPECT_THAT(only(check_ports(used)), HasSubstr("problem: 27000 TCP sockets are in use or in TIME_WAIT, of 28232"));
}

TEST(Doctor, a_pmd_port_among_the_ephemeral_ones_is_to_be_reserved) {
  FakeSystem system;
  system.port = 40'000;
  EXPECT_THAT(only(check_ports(system)), HasSubstr("ip_local_reserved_ports=40000"));
  system.files["/proc/sys/net/ipv4/ip_local_reserved_ports"] = "8080,39990-40010\n";
  EXPECT_THAT(only(check_ports(system)), HasSubstr("fine: "));
}

TEST(Doctor, memory_that_cannot_be_shared_is_a_problem_and_the_sysctl_is_named) {
  FakeSystem system;
  system.shared = Error{std::make_error_code(std::errc::permission_denied), "creating shared memory"};
  EXPECT_THAT(only(check_memory(system)),
              HasSubstr("problem: No memory can be shared: creating shared memory: Permission denied."));
  EXPECT_THAT(only(check_memory(system)), Not(HasSubstr("memfd_noexec")));
  system.files["/proc/sys/vm/memfd_noexec"] = "2\n";
  EXPECT_THAT(only(check_memory(system)), HasSubstr("The sysctl vm.memfd_noexec is 2."));
}

TEST(Doctor, processes_that_are_hidden_are_said_to_be_but_not_to_root) {
  FakeSystem system;
  system.files["/proc/self/mounts"] = "proc /proc proc rw,hidepid=invisible,gid=5 0 0\n";
  EXPECT_THAT(only(check_memory(system)), HasSubstr("hint: /proc hides the processes of others (hidepid=invisible)."));
  system.user = 0;
  EXPECT_THAT(only(check_memory(system)), HasSubstr("fine: "));
  system.user = 1000;
  system.files["/proc/self/mounts"] += "proc /proc proc rw,hidepid=0 0 0\n";
  EXPECT_THAT(only(check_memory(system)), HasSubstr("fine: "));
}

TEST(Doctor, io_uring_that_is_refused_says_why_and_which_sysctl_allows_it) {
  FakeSystem system;
  system.uring = "creating a ring: Operation not permitted";
  EXPECT_THAT(only(check_uring(system)),
              HasSubstr("hint: io_uring is refused: creating a ring: Operation not permitted."));
  system.files["/proc/sys/kernel/io_uring_disabled"] = "2\n";
  EXPECT_THAT(only(check_uring(system)), HasSubstr("kernel.io_uring_disabled is 2"));
}

TEST(Doctor, congestion_control_that_paces_matters_only_where_nodes_cannot_choose_another) {
  FakeSystem system;
  system.files["/proc/sys/net/ipv4/tcp_congestion_control"] = "bbr\n";
  system.files["/proc/sys/net/ipv4/tcp_allowed_congestion_control"] = "bbr\n";
  EXPECT_THAT(only(check_congestion(system)), HasSubstr("hint: TCP uses bbr, which paces on loopback"));
  system.files["/proc/sys/net/ipv4/tcp_allowed_congestion_control"] = "reno bbr\n";
  EXPECT_THAT(only(check_congestion(system)), HasSubstr("fine: "));
}

TEST(Doctor, a_busy_machine_and_a_host_that_takes_its_time_are_noticed) {
  FakeSystem busy;
  busy.files["/proc/loadavg"] = "4.10 1.00 1.00 1/100 1234\n";
  EXPECT_THAT(only(check_load(busy)), HasSubstr("hint: The machine is busy: load 4.10 on 2 processors."));
  FakeSystem stolen;
  stolen.files["/proc/stat"] = "cpu  500 0 100 300 0 0 0 100 0 0\n";
  EXPECT_THAT(only(check_load(stolen)),
              HasSubstr("hint: The host of this virtual machine has taken 10 % of its time."));
}

TEST(Doctor, files_of_the_kernel_that_hold_anything_else_do_no_harm) {
  for (const std::string& text :
       {std::string(), std::string("\n"), std::string("x y z"), std::string(100'000, ' '),
        std::string("99999999999999999999 -1 99999999999999999999\n"), std::string("\0\xff)", 3)}) {
    FakeSystem system;
    for (auto& [path, content] : system.files) content = text;
    for (const Check& check : all_checks()) check.run(system);
  }
}

TEST(Doctor, the_exit_code_is_no_when_there_is_a_problem_and_hints_do_not_count) {
  FakeSystem system;
  system.uring = "refused";
  const Report hint = examine({}, system, {});
  EXPECT_EQ(hint.exit_code, kExitSuccess);
  EXPECT_THAT(hint.out, HasSubstr("\n0 problems, 1 hint.\n"));
  EXPECT_THAT(hint.out, HasSubstr("hint       uring"));
  system.registered = Error{Errc::erlang_epmd, "asking"};
  const Report problem = examine({}, system, {});
  EXPECT_EQ(problem.exit_code, kExitNo);
  EXPECT_THAT(problem.out, HasSubstr("\n1 problem, 1 hint.\n"));
  EXPECT_THAT(problem.out, HasSubstr("> Give the PMD and all nodes another port"));
}

TEST(Doctor, numbers_are_read_whole_or_not_at_all) {
  EXPECT_EQ(number_in(" 42\n"), 42);
  EXPECT_EQ(number_in("42 43"), std::nullopt);
  EXPECT_EQ(number_in("42x"), std::nullopt);
  EXPECT_EQ(number_in(""), std::nullopt);
  EXPECT_EQ(number_after("Name: x\nUid:\t7\t8\n", "Uid:"), 7);
  EXPECT_EQ(number_after("Uid:\n", "Uid:"), std::nullopt);
}

}  // namespace
}  // namespace distflow::cli
