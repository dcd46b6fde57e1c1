// The statuses of HTTP that are compared with or passed on. Source: RFC 9110, section 15.
#pragma once

namespace distflow::http {

inline constexpr int kBadRequest = 400;
inline constexpr int kForbidden = 403;
inline constexpr int kMethodNotAllowed = 405;
inline constexpr int kMisdirected = 421;
inline constexpr int kUnavailable = 503;

}  // namespace distflow::http
