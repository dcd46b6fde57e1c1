// Descriptions of contestants that fake_contestant plays.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/director/row.hpp"

namespace distflow::bench {

inline Part fake_part(std::vector<std::string> options = {}) {
  return {.program = DISTFLOW_FAKE_CONTESTANT, .options = std::move(options)};
}

inline ContestantDescription fake_solo(std::string name, std::vector<std::string> options = {}) {
  return {.name = std::move(name), .work = Work::solo, .driver = fake_part(std::move(options))};
}

inline ContestantDescription fake_pair(Work work, std::vector<std::string> responder_options = {}) {
  ContestantDescription pair = fake_solo("pair");
  pair.work = work;
  pair.responder = fake_part(std::move(responder_options));
  return pair;
}

}  // namespace distflow::bench
