#pragma once
/// \file
/// The operations on one session. What each means stands in sqlq/backend/dialect.hpp and sql/operations.hpp; here is
/// how PostgreSQL does it: a whole batch in one statement, which commits by itself, and a second one to explain what
/// was refused.

#include <span>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "queries.hpp"
#include "sql/marks.hpp"
#include "sql/operations.hpp"

namespace sqlq::postgres {

// produce.cpp
void make_lanes(const sql::Work& work, const Queries& q, std::span<const sql::LaneName> lanes);
std::vector<Enqueued> enqueue(sql::Work& work, const Queries& q, std::span<const backend::EnqueueItem> items);
std::vector<CancelStatus> cancel(const sql::Work& work, const Queries& q, std::span<const JobId> ids);
std::vector<RequeueStatus> requeue(const sql::Work& work, const Queries& q, std::span<const JobId> ids);

// claim.cpp
backend::ClaimResult claim(sql::Work& work, const Queries& q, const sql::Claim& claim, sql::Marks& marks);
backend::ClaimResult claim_some(sql::Work& work, const Queries& q, const backend::ClaimRequest& request,
                                const sql::Selection& selection);
bool give_up(const sql::Work& work, const Queries& q, JobId id, std::string_view message);
std::vector<Job> claimed(const sql::Work& work, const Queries& q, LeaseToken token);

// lease.cpp
std::vector<FinishStatus> finish(const sql::Work& work, const Queries& q, std::span<const backend::Finish> items);
std::vector<LeaseStatus> heartbeat(const sql::Work& work, const Queries& q, std::span<const backend::LeaseRef> leases);

// keep.cpp
ReapReport reap(const sql::Work& work, const Queries& q, std::span<const std::string> queues, std::size_t limit,
                std::span<const JobId> only);
std::vector<JobId> ended(const sql::Work& work, const Queries& q, std::span<const std::string> queues,
                         std::size_t limit);
std::vector<JobId> expired(const sql::Work& work, const Queries& q, std::size_t limit);
void postpone(const sql::Work& work, const Queries& q, JobId id);
std::vector<ActionStatus> act(sql::Work& work, const Queries& q, std::span<const JobId> ids,
                              backend::Action what);
std::size_t purge(sql::Work& work, const Queries& q, std::size_t limit);
/// Deletes what jobs have left behind that somebody has deleted by hand; of `limit` jobs at most.
void sweep(sql::Work& work, const Queries& q, std::size_t limit);
std::vector<bool> publish(const sql::Work& work, const Queries& q, std::span<const backend::Interim> items);
std::vector<bool> take_back_crashes(sql::Work& work, const Queries& q, std::span<const backend::OutlivedClaim> claims);
std::vector<bool> append_logs(const sql::Work& work, const Queries& q, std::span<const LogLine> lines);

}  // namespace sqlq::postgres
