// Frees the memory of a string or a vector that stays, empty.
//
// Any thread, as the container.
// Use: give_back(text);   // an assignment of `{}` and clear() keep its memory
#pragma once

namespace distflow::base {

template <class Container>
void give_back(Container& container) noexcept {
  Container().swap(container);
}

}  // namespace distflow::base
