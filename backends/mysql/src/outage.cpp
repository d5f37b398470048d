#include <map>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"
#include "sql/job_row.hpp"

namespace sqlq::mysql {
namespace {

using backend::OutlivedClaim;

/// What the history says about the end of a claim's lease.
struct Line {
  std::int64_t n = 0;  ///< 0: nothing
  bool outage = false;
  bool counts = false;
};

Line line_of(const Context& c, const Locked& row, const OutlivedClaim& claim) {
  Line line;
  c.session.execute(c.q.crash_lines, {{"seq", row.seq}, {"claim", claim.claim}, {"worker", claim.worker}},
                    [&](const sql::Row& found) {
                      line = {.n = found.integer(0),
                              .outage = static_cast<Cause>(found.integer(1)) == Cause::outage,
                              .counts = found.integer(2) != 0};
                    });
  return line;
}

/// How many crashes of a job were none.
struct Less {
  std::int64_t crashes = 0;
  bool last = false;  ///< the one of its last claim is among them
};

/// Only a job that was reaped is errored without a token.
bool ends_otherwise(const Locked& row, std::int64_t crashes, bool last) {
  return row.state == JobState::errored && row.token == 0 && row.attempt < row.max_attempts &&
         row.crashes >= row.max_crashes && (crashes < row.max_crashes || last);
}

/// Says whether a live job keeps it from being pending again.
bool key_is_taken(const Context& c, const Change& change) {
  try {
    write(c, {&change, 1});
    return false;
  } catch (const Error& e) {
    if (e.native_code() == duplicate_entry) return true;
    throw;
  }
}

void take_back(const Context& c, const Locked& row, const Less& less, std::int64_t now) {
  Change change(row);
  change.crashes = std::max<std::int64_t>(row.crashes - less.crashes, 0);
  const bool again = ends_otherwise(row, change.crashes, less.last);
  if (again) {
    change.state = JobState::pending;
    change.queued = now;
  }
  if ((again || row.state == JobState::pending) && !key_is_taken(c, change)) return;
  c.session.execute(c.q.crashes_set, {{"crashes", change.crashes}, {"seq", row.seq}});
}

}  // namespace

std::vector<bool> MysqlServer::take_back_crashes(sql::Work& work, std::span<const OutlivedClaim> claims) {
  const Context c = context(work);
  std::vector<bool> answers(claims.size(), false);
  std::vector<JobId> ids;
  for (const OutlivedClaim& claim : claims) ids.push_back(claim.id);
  const Places places(c, std::move(ids));
  if (places.seqs().empty()) return answers;
  c.work.begin();
  const LockedRows locked = lock_free(c, places.seqs());  // a worker that has lost a lease waits for nobody
  std::map<const Locked*, Less> less;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const Locked* row = locked.find(claims[i].id);
    if (row == nullptr) continue;
    const Line line = line_of(c, *row, claims[i]);
    answers[i] = line.n != 0;
    if (line.n == 0 || line.outage) continue;
    c.session.execute(c.q.crash_line_outage, {{"text", sql::outage_remark}, {"seq", row->seq}, {"n", line.n}});
    if (!line.counts) continue;
    Less& its = less[row];
    ++its.crashes;
    its.last = its.last || claims[i].claim == row->claims;
  }
  for (const auto& [row, its] : less) take_back(c, *row, its, locked.now);
  return answers;
}

}  // namespace sqlq::mysql
