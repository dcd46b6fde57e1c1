// The system's random bytes, as a test wants them. A program that has this takes them from here in the whole process.
//
// Any thread; one SteeredRandom at a time.
// Use: const SteeredRandom random({1, 2});  // 32 bits each, over and over, until it goes
#pragma once

#include <cstdint>
#include <initializer_list>

namespace distflow::test {

class SteeredRandom {
 public:
  explicit SteeredRandom(std::initializer_list<std::uint32_t> words);
  ~SteeredRandom();
  SteeredRandom(const SteeredRandom&) = delete;
  SteeredRandom& operator=(const SteeredRandom&) = delete;
};

}  // namespace distflow::test
