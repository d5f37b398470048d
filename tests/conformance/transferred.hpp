#pragma once
// Jobs as another database had them, for the tests of Transfer.

#include <string>
#include <vector>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {

/// Every state that a job may have on its way.
inline const std::vector<JobState> idle_states{JobState::pending, JobState::scheduled, JobState::waiting,
                                               JobState::success, JobState::errored,   JobState::cancelled};

/// A job of that state with a value of its own in every field: claimed seven times, charged three, crashed once. Its
/// end, if it has one, was an hour before `now`.
[[nodiscard]] backend::StoredJob travelled(JobState state, TimePoint now, const std::string& queue = "moved");
/// The same with headers and steps, as far as a backend with these capabilities stores them.
[[nodiscard]] backend::StoredJob equipped(backend::StoredJob stored, const backend::Capabilities& can);
/// A pending job, due since `now`, that was never claimed.
[[nodiscard]] backend::StoredJob plain(TimePoint now, const std::string& queue = "moved");

/// All that a job brings along, a line a field: everything but the lease token.
[[nodiscard]] std::string shown(const backend::StoredJob& stored);
[[nodiscard]] std::string shown(const std::vector<backend::StoredJob>& jobs);

}  // namespace sqlq::conformance
