#include "runtime/group/pick.hpp"

#include "base/sip_hash.hpp"

namespace distflow::runtime {

std::uint64_t hash_of(std::string_view text) {
  constexpr base::SipKey key{};
  return base::SipHash(key)(text);
}

}  // namespace distflow::runtime
