// The options of a command, as one types them.
//
// Pure function; any thread.
// Use: nearest_word("--prot", options_of(app))   // "--port"
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace distflow::cli {

/// The long names of the command's options, each with its two dashes.
[[nodiscard]] inline std::vector<std::string> options_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  }
  return names;
}

}  // namespace distflow::cli
