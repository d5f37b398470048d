#pragma once
/// \file
/// What Admin::explain says of the durable steps that a job has recorded.

#include <string>
#include <vector>

#include <sqlq/job.hpp>
#include <sqlq/steps.hpp>

namespace sqlq {

/// "'row' number 3".
[[nodiscard]] std::string named(const StepRecord& step);

/// What helps a job that has failed and has recorded nothing since its last wait ended: the end stays recorded, so that
/// another attempt would get the same. The rest of a sentence, or empty where its steps say no such thing. `steps`: in
/// the order of their recording.
[[nodiscard]] std::string after_last_wait(const Job& job, std::vector<StepRecord> steps);

}  // namespace sqlq
