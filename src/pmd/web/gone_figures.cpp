#include "pmd/web/gone_figures.hpp"

#include <utility>

#include "protocol/json_write.hpp"

namespace distflow::pmd {

std::size_t GoneFigures::note(std::uint64_t number, const UserId& user, std::string_view node_id) {
  Gone gone{.number = number, .user = user, .name = {}};
  protocol::append_json_string(gone.name, node_id);
  const std::size_t size = size_of(gone);
  gone_.push_back(std::move(gone));
  bytes_ += size;
  std::size_t dropped = 0;
  for (; bytes_ > kBytesMax; ++dropped) {
    known_since_ = gone_.front().number;
    bytes_ -= size_of(gone_.front());
    gone_.pop_front();
  }
  return dropped;
}

std::size_t GoneFigures::clear(std::uint64_t number) {
  const std::size_t dropped = gone_.size();
  gone_.clear();
  bytes_ = 0;
  known_since_ = number;
  return dropped;
}

}  // namespace distflow::pmd
