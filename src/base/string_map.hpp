// StringMap<T>: a hash map from text that is looked up by a view, without making a string.
//
// As std::unordered_map.
// Use: StringMap<int> map; auto found = map.find(std::string_view("key"));
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace distflow::base {

struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

template <class T>
using StringMap = std::unordered_map<std::string, T, StringHash, std::equal_to<>>;

}  // namespace distflow::base
