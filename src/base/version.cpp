#include <distflow/version.hpp>

namespace distflow::abi {

template <>
const char this_way::anchor = 0;

}  // namespace distflow::abi
