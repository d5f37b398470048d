#pragma once
/// \file
/// A job as one text, to compare what one was before and after, and one of each state.

#include <optional>
#include <sstream>
#include <string>

#include <sqlq/job.hpp>

namespace sqlq::conformance {

/// Everything but where it is to be claimed (queue, priority) and its texts (params, result).
[[nodiscard]] inline std::string facts_of(const Job& job) {
  std::ostringstream text;
  const auto at = [&](const char* name, const std::optional<TimePoint>& time) {
    text << ", " << name << ' ' << (time ? std::to_string(time->time_since_epoch().count()) : "none");
  };
  text << job.id.to_string() << ' ' << to_string(job.state) << ", kind " << job.kind << ", key " << job.unique_key
       << ", attempt " << job.attempt << '/' << job.max_attempts << ", crashes " << job.crashes << '/'
       << job.max_crashes << ", claims " << job.claims << ", token " << job.lease_token.value << ", worker "
       << job.worker << ", keepalive " << job.keepalive.count() << ", timeout " << job.timeout.count()
       << ", retention " << (job.retention ? std::to_string(job.retention->count()) : "none");
  at("created", job.created_at);
  at("queued", job.queued_at);
  at("run", job.run_at);
  at("started", job.started_at);
  at("heartbeat", job.heartbeat_at);
  at("finished", job.finished_at);
  if (job.progress) text << ", progress " << job.progress->done << '/' << job.progress->total << job.progress->note;
  return std::move(text).str();
}

}  // namespace sqlq::conformance
