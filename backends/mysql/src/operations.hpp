#pragma once
/// \file
/// The operations of the dialect on one session. What each means stands in sqlq/backend/dialect.hpp and
/// sql/operations.hpp; here is how MySQL and MariaDB do it.
///
/// Several statements of an operation run in one transaction; what they decide on they have locked (rows.hpp).

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "claimed_here.hpp"
#include "native_session.hpp"
#include "queries.hpp"
#include "sql/marks.hpp"
#include "sql/operations.hpp"

namespace sqlq::mysql {

/// The session of an operation, the statements, and what this process remembers.
struct Context {
  sql::Work& work;
  sql::Session& session;
  const Queries& q;
  ClaimedHere& here;
  sql::Marks& marks;
};

// lanes.cpp
/// A plain INSERT, for the other sorts that overlook a duplicate need the right to UPDATE, or overlook more than that.
/// False: there is a duplicate, and no row was inserted.
bool insert_unless_there(sql::Session& session, const sql::Statement& statement, std::initializer_list<sql::Arg> args);
void make_lanes(const sql::Work& work, const Queries& q, std::span<const sql::LaneName> lanes);

// produce.cpp
std::vector<Enqueued> enqueue(const Context& c, std::span<const backend::EnqueueItem> items);

// admin.cpp
std::vector<CancelStatus> cancel(const Context& c, std::span<const JobId> ids);
std::vector<RequeueStatus> requeue(const Context& c, std::span<const JobId> ids);
std::vector<ActionStatus> act(const Context& c, std::span<const JobId> ids, backend::Action what);

// claim.cpp
backend::ClaimResult claim(const Context& c, const sql::Claim& claim);
backend::ClaimResult claim_some(const Context& c, const backend::ClaimRequest& request,
                                const sql::Selection& selection);
std::vector<Job> claimed(const Context& c, LeaseToken token);

// lease.cpp
std::vector<FinishStatus> finish(const Context& c, std::span<const backend::Finish> items);
std::vector<LeaseStatus> heartbeat(const Context& c, std::span<const backend::LeaseRef> leases);
std::vector<bool> publish(const Context& c, std::span<const backend::Interim> items);
ReapReport reap(const Context& c, std::span<const std::string> queues, std::size_t limit, std::span<const JobId> only);
std::vector<JobId> ended(const Context& c, std::span<const std::string> queues, std::size_t limit);

bool give_up(const Context& c, JobId id, std::string_view message);

// outage.cpp
std::vector<bool> take_back_crashes(const Context& c, std::span<const backend::OutlivedClaim> claims);

// keep.cpp
std::vector<bool> append_logs(const Context& c, std::span<const LogLine> lines);
std::size_t purge(const Context& c, std::size_t limit);
std::vector<JobId> expired(const Context& c, std::size_t limit);
void postpone(const Context& c, JobId id);
/// Deletes jobs whose rows are locked with all that belongs to them.
std::size_t purge_jobs(const Context& c, std::vector<std::int64_t> seqs);

}  // namespace sqlq::mysql
