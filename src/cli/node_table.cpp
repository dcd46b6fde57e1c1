#include "cli/node_table.hpp"

#include <pwd.h>
#include <unistd.h>

#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "cli/pattern.hpp"

namespace distflow::cli {
namespace {

using protocol::NodeInfo;

std::string to_user(std::uint32_t uid) {
  std::array<char, 4096> room{};
  passwd entry{};
  passwd* found = nullptr;
  const int error = ::getpwuid_r(uid, &entry, room.data(), room.size(), &found);
  return error == 0 && found != nullptr ? printable(found->pw_name) : fmt::format("{}", uid);
}

std::string to_text(const protocol::Groups& groups) {
  std::string text;
  for (const std::string& group : groups) text += (text.empty() ? "" : " ") + printable(group);
  return text;
}

std::string to_text(const protocol::Meta& meta) {
  std::string text;
  for (const auto& [key, value] : meta) text += (text.empty() ? "" : " ") + printable(key) + "=" + printable(value);
  return text;
}

}  // namespace

const std::string& name_of(const NodeInfo& node) { return node.alias ? *node.alias : node.node_id; }

std::string to_place(std::string_view host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", printable(host), port) : fmt::format("{}:{}", printable(host), port);
}

std::string to_age(std::int64_t then_ms, std::int64_t now_ms) {
  if (then_ms > now_ms || then_ms <= 0) return "?";
  const std::int64_t seconds = (now_ms - then_ms) / 1000;
  if (seconds < 120) return fmt::format("{}s", seconds);
  if (seconds < 120 * 60) return fmt::format("{}m", seconds / 60);
  if (seconds < 48 * 3600) return fmt::format("{}h", seconds / 3600);
  return fmt::format("{}d", seconds / 86400);
}

bool matches_pattern(std::string_view pattern, const NodeInfo& node) {
  return matches_pattern(pattern, node.node_id) ||
         (node.alias && matches_pattern(pattern, std::string_view(*node.alias)));
}

NodeSelection select_nodes(Nodes nodes, const NodesQuery& query) {
  std::erase_if(nodes, [&](const NodeInfo& node) { return !matches_pattern(query.pattern, node); });
  std::sort(nodes.begin(), nodes.end(), [](const NodeInfo& a, const NodeInfo& b) {
    return std::tie(name_of(a), a.node_id) < std::tie(name_of(b), b.node_id);
  });
  const std::size_t matching_count = nodes.size();
  const auto first = std::find_if(nodes.begin(), nodes.end(), [&](const NodeInfo& node) {
    return query.after.empty() || name_of(node) > query.after;
  });
  nodes.erase(nodes.begin(), first);
  const std::size_t count = query.limit == 0 ? nodes.size() : std::min<std::size_t>(nodes.size(), query.limit);
  const std::size_t left_count = nodes.size() - count;
  nodes.resize(count);
  return {.nodes = std::move(nodes), .matching_count = matching_count, .left_count = left_count};
}

Table node_table(const Nodes& nodes, std::int64_t now_ms) {
  // Most registries have no groups, and most terminals no room for an empty column.
  const bool has_groups =
      std::any_of(nodes.begin(), nodes.end(), [](const NodeInfo& node) { return !node.groups.empty(); });
  std::vector<std::string> heads = {"NAME", "ADDRESS", "SEEN", "USER", "NODE ID"};
  if (has_groups) heads.emplace_back("GROUPS");
  heads.emplace_back("META");
  Table table(std::move(heads));
  std::map<std::uint32_t, std::string> users;  // a look-up may ask a server
  for (const NodeInfo& node : nodes) {
    std::string user = "-";
    if (node.uid) {
      const auto [entry, is_new] = users.try_emplace(*node.uid);
      if (is_new) entry->second = to_user(*node.uid);
      user = entry->second;
    }
    std::vector<std::string> cells = {printable(name_of(node)), to_place(node.host, node.port),
                                      to_age(node.last_heartbeat_ms, now_ms), user, printable(node.node_id)};
    if (has_groups) cells.push_back(to_text(node.groups));
    cells.push_back(to_text(node.meta));
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace distflow::cli
