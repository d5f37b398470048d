#pragma once

#include <span>
#include <vector>

#include "worker/executor.hpp"

namespace sqlq::worker {

/// Runs the batch handler of these jobs, which are of one kind, on the calling thread: one ending for each of them, in
/// any order. Whatever it throws is a failed attempt of all that it was called with, and a discard only when that was
/// one.
[[nodiscard]] std::vector<Ending> run_batch(Executor& executor, std::span<const HeldPtr> leases);

}  // namespace sqlq::worker
