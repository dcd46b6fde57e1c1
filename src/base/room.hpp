// Room in a vector for what is to be added where nothing may fail.
//
// Any thread, as the vector. May throw std::bad_alloc, and then changes nothing.
// Use: make_room(waiting, waiting.size() + 1); ... waiting.push_back(x);   // allocates nothing
#pragma once

#include <algorithm>
#include <cstddef>

namespace distflow::base {

/// Has `vector` take `count` elements in all without an allocation. Grows as push_back() does.
template <class Vector>
void make_room(Vector& vector, std::size_t count) {
  if (count > vector.capacity()) vector.reserve(std::max(count, 2 * vector.capacity()));
}

}  // namespace distflow::base
