#pragma once
/// \file
/// What a command is told of its job, and what its end means for the job: docs/cli/work.md.

#include <string>
#include <vector>

#include <sqlq/context.hpp>
#include <sqlq/outcome.hpp>

#include "command_runner.hpp"

namespace sqlq::tool {

/// The environment of this process, and the job's facts as SQLQ_JOB_*; facts that it does not have are not set.
[[nodiscard]] std::vector<std::string> environment_of(const Job& job);

/// What a command's end means. `result` is what is to be set, and empty when it printed nothing or has failed.
struct Meaning {
  Outcome outcome;
  std::string result{};
};
/// Never quotes standard output; the last line of standard error is a part of the message.
[[nodiscard]] Meaning meaning_of(CommandEnd end, const PayloadLimits& limits);

}  // namespace sqlq::tool
