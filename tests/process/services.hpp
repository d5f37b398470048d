#pragma once
/// \file
/// ci/services: the servers that are shared, and some of one's own to break.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

namespace sqlq::process {

/// ci/services COMMAND, and waits for it; `variables` (NAME=value ...) stand before it. Returns its exit code.
inline int services(const std::string& command, const std::string& variables = {}) {
  const char* script = std::getenv("SQLQ_SERVICES");
  if (script == nullptr) throw std::runtime_error("SQLQ_SERVICES is not set: eval \"$(ci/services env)\"");
  const std::string line = variables + " '" + script + "' " + command;
  return std::system(line.c_str());  // NOLINT(concurrency-mt-unsafe): no other thread starts a process
}

/// Servers that nobody else uses, in a folder of their own. They end with it.
class OwnServices {
 public:
  /// `names` as ci/services has them; `variables` (NAME=value ...) are for it. Errors: std::runtime_error.
  explicit OwnServices(const std::string& names, const std::string& variables = {})
      : variables_("SQLQ_SERVICES_DIR='" + folder() + "' " + variables) {
    run("up " + names);
  }
  ~OwnServices() {
    if (services("down", variables_) != 0) std::cerr << "servers were left behind: " << variables_ << std::endl;
  }
  OwnServices(const OwnServices&) = delete;
  OwnServices& operator=(const OwnServices&) = delete;

  void run(const std::string& command) const {
    if (services(command, variables_) != 0) throw std::runtime_error("ci/services " + command + " failed");
  }
  /// The value of a variable that `ci/services env` prints.
  [[nodiscard]] std::string variable(const std::string& name) const {
    const std::string line = variables_ + " \"$SQLQ_SERVICES\" env | sed -n 's/^export " + name + "=//p'";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> pipe(::popen(line.c_str(), "r"), ::pclose);
    std::string value;
    for (int c = std::fgetc(pipe.get()); c != EOF && c != '\n'; c = std::fgetc(pipe.get())) {
      value += static_cast<char>(c);
    }
    if (value.empty()) throw std::runtime_error("ci/services env does not say " + name);
    return value;
  }

 private:
  /// Short, for the names of sockets end at 107 bytes.
  [[nodiscard]] static std::string folder() {
    return std::filesystem::temp_directory_path() / ("sqlq_own_" + std::to_string(::getpid()));
  }

  std::string variables_;
};

}  // namespace sqlq::process
