#pragma once
/// \file
/// Processes of this machine, by what /proc says.

#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <sys/types.h>

#include "process/scratch.hpp"

namespace sqlq::program {

/// Gone or, until somebody waits for it, dead. Gives a process that was killed the time to end.
[[nodiscard]] inline bool process_is_gone(pid_t pid) {
  return process::eventually([pid] {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string stat;
    if (!std::getline(file, stat)) return true;
    const auto name_end = stat.rfind(')');
    return name_end != std::string::npos && stat.substr(name_end + 1, 3) == " Z ";
  });
}

/// The living ones with this variable in their environment (NAME=value).
[[nodiscard]] inline std::vector<pid_t> processes_with(const std::string& variable) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (!std::isdigit(static_cast<unsigned char>(name[0]))) continue;
    std::ifstream file(entry.path() / "environ", std::ios::binary);
    for (std::string each; std::getline(file, each, '\0');) {
      if (each != variable) continue;
      found.push_back(static_cast<pid_t>(std::stoi(name)));
      break;
    }
  }
  return found;
}

/// The living ones that it started itself.
[[nodiscard]] inline std::vector<pid_t> children_of(pid_t parent) {
  std::vector<pid_t> found;
  const std::string number = std::to_string(parent);
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + number + "/task")) {
    std::ifstream file(task.path() / "children");
    for (pid_t child = 0; file >> child;) found.push_back(child);
  }
  return found;
}

}  // namespace sqlq::program
