#pragma once
/// \file
/// Every operation of the dialect, with a small scene it works on, so that it can be run again and again and compared.
///
/// Ids, tokens and the time are given, so a scene and what an operation does to it are the same each time.

#include <functional>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

namespace sqlq::trials {

/// In params, results, messages and log lines of the scene; no error may show it.
inline constexpr const char* canary = "canary-in-a-coal-mine";

struct Operation {
  std::string name{};
  /// Makes the scene, from nothing.
  std::function<void(backend::Dialect&)> prepare{};
  /// Runs it and says what it answered.
  std::function<std::string(backend::Dialect&)> run{};
  /// May it be repeated as it is after an unknown outcome? (A claim may not.)
  bool replay = true;
};

/// All of them; each outcome of finish is one.
[[nodiscard]] std::vector<Operation> all_operations();

/// All that can be seen of the scene, as text. Waiting for a due time that has come or being pending is the same.
[[nodiscard]] std::string picture(backend::Dialect& dialect);

/// Claims all that is left, much later, and says what and in which order: what is not seen in a picture, as slots of a
/// limit that were not given back, shows here.
[[nodiscard]] std::string drain(backend::Dialect& dialect);

/// Removes all jobs.
void clear(backend::Dialect& dialect);

// Of the part Periodic, for these.
[[nodiscard]] std::vector<Operation> periodic_operations();
[[nodiscard]] std::string periodic_picture(backend::Dialect& dialect);
void clear_periodic(backend::Dialect& dialect);

}  // namespace sqlq::trials
