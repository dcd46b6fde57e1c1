// What std::stop_callback does, for a StopToken (distflow/stop_token.hpp) of a standard library that has none: nothing.
//
// As std::stop_callback.
// Use: std::optional<StopCallback<Stop>> stop; stop.emplace(token, Stop{...});
#pragma once

#include <distflow/stop_token.hpp>

namespace distflow::runtime {

#ifdef __cpp_lib_jthread
template <class Callback>
using StopCallback = std::stop_callback<Callback>;
#else
template <class Callback>
struct StopCallback {
  StopCallback(const StopToken&, const Callback&) {}
};
#endif

}  // namespace distflow::runtime
