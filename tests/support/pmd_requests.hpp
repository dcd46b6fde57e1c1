// Requests to a PMD as text, for tests that look at bytes. All have the requestId "r".
#pragma once

#include <string>

namespace distflow::test {

inline constexpr const char* kSuccess = R"({"type":"response","requestId":"r","payload":{"success":true}})";
inline constexpr const char* kNotFound = R"({"type":"response","requestId":"r","payload":{"error":"Node not found"}})";
inline constexpr const char* kNoNodes = R"({"type":"response","requestId":"r","payload":{"nodes":[]}})";

inline std::string request_text(const std::string& type, const std::string& payload = "{}") {
  return R"({"type":")" + type + R"(","payload":)" + payload + R"(,"requestId":"r"})";
}
/// `extra` is more members, as in `,"ttl":1000`.
inline std::string register_text(const std::string& node_id, const std::string& alias, const std::string& extra = "") {
  return request_text("register", R"({"nodeId":")" + node_id + R"(","alias":")" + alias +
                                      R"(","host":"localhost","port":45401)" + extra + "}");
}
inline std::string resolve_text(const std::string& name) {
  return request_text("resolve", R"({"alias":")" + name + R"("})");
}
inline std::string heartbeat_text(const std::string& node_id) {
  return request_text("heartbeat", R"({"nodeId":")" + node_id + R"("})");
}
inline std::string unregister_text(const std::string& node_id) {
  return request_text("unregister", R"({"nodeId":")" + node_id + R"("})");
}

}  // namespace distflow::test
