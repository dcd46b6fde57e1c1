// Which process this is, told from every other that has had or will have its number; and which program it runs.
//
// Stateless; any thread. Answered once per system, in its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace distflow::io::platform {

/// When the process was started, in a unit of the system's since a time of the system's; 0 where it does not say, or
/// there is no such process.
std::uint64_t start_time_of(int process_id) noexcept;

/// A line that no other process of this machine has at the same time, whatever container it runs in: the process's
/// number, where that counts, and when it was started. Empty where the system does not say.
std::string process_identity();

/// The path of the program that is running, with symbolic links followed. Empty where the system does not say.
std::filesystem::path executable_path();

}  // namespace distflow::io::platform
