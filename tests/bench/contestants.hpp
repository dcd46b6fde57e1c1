// Contestants under test: one that responds for as long as the object lives, and one that plays blocks to its end.
//
// One thread.
// Use: Responder echo(program, {"echo"}); said = drive("run 10\\n", program, {"ping", "--connect", echo.address()});
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.hpp"

namespace distflow::test {

using Words = std::vector<std::string>;

/// A responder, and the address that it said.
class Responder {
 public:
  Responder(const std::string& program, const Words& words) : process_(program, words) {
    EXPECT_TRUE(process_.wait_for_output("\n"));
    const std::string& out = process_.out();
    EXPECT_TRUE(out.starts_with("ready ")) << out;
    address_ = out.substr(6, out.find('\n') - 6);
  }

  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] std::uint16_t port() const {
    return static_cast<std::uint16_t>(std::stoi(address_.substr(address_.rfind(':') + 1)));
  }
  ChildProcess& process() { return process_; }

 private:
  ChildProcess process_;
  std::string address_;
};

/// What a driver says behind its "ready -", given these blocks on its standard input.
inline std::string drive(const std::string& blocks, const std::string& program, const Words& words) {
  Words all{"-c", R"(input=$1; shift; printf "$input" | "$@")", "sh", blocks, program};
  all.insert(all.end(), words.begin(), words.end());
  const ProcessResult result = run_process("/bin/sh", all);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::string ready = "ready -\n";
  EXPECT_TRUE(result.out.starts_with(ready)) << result.out;
  return result.out.starts_with(ready) ? result.out.substr(ready.size()) : std::string();
}

/// How many round trips the file has that a driver told of. Removes it.
inline std::size_t take_times(const std::string& said) {
  if (!said.starts_with("times ")) return 0;
  const std::string path = said.substr(6, said.find('\n') - 6);
  struct stat file {};
  EXPECT_EQ(::stat(path.c_str(), &file), 0) << path;
  std::remove(path.c_str());
  return static_cast<std::size_t>(file.st_size) / sizeof(std::uint64_t);
}

}  // namespace distflow::test
