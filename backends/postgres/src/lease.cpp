#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "arrays.hpp"
#include "server.hpp"
#include "platform/pause.hpp"
#include "probe.hpp"
#include "sql/job_row.hpp"
#include "sql/rounds.hpp"

namespace sqlq::postgres {
namespace {

using backend::Finish;
using backend::FinishKind;

/// Nothing of these, so that looking through them costs nothing.
struct None {
  [[nodiscard]] static bool contains(const JobId&) { return false; }
};

LeaseStatus status_of(std::int64_t state) {
  return static_cast<JobState>(state) == JobState::cancelling ? LeaseStatus::cancel_requested : LeaseStatus::renewed;
}

using Numbers = std::vector<std::size_t>;

/// Renews those of the leases with these numbers whose rows are not locked; returns those that were not renewed.
Numbers renew(const sql::Work& work, const Queries& q, std::span<const backend::LeaseRef> leases,
              const Numbers& numbers, std::vector<LeaseStatus>& answers) {
  Array ids(Of::uuid);
  Array tokens(Of::bigint);
  for (const std::size_t i : numbers) {
    ids.add(leases[i].id);
    tokens.add(leases[i].token.value);
  }
  std::vector<bool> done(numbers.size(), false);
  work.session().execute(
      q.heartbeat,
      {{"ids", ids.view()}, {"tokens", tokens.view()}, {"now", work.wall()}, {"steady", work.steady()}},
      [&](const sql::Row& row) {
        const auto n = static_cast<std::size_t>(row.integer(0)) - 1;
        done.at(n) = true;
        answers[numbers[n]] = status_of(row.integer(1));
      });
  Numbers left;
  for (std::size_t n = 0; n < numbers.size(); ++n) {
    if (!done[n]) left.push_back(numbers[n]);
  }
  return left;
}

/// Which of these leases are held all the same: somebody had their rows locked. Answers as if renewed.
Numbers still_held(const sql::Work& work, const Queries& q, std::span<const backend::LeaseRef> leases,
                   const Numbers& numbers, std::vector<LeaseStatus>& answers) {
  std::vector<JobId> ids;
  for (const std::size_t i : numbers) ids.push_back(leases[i].id);
  const auto found = probe_others(work, q, ids, None{});
  Numbers held;
  for (const std::size_t i : numbers) {
    answers[i] = LeaseStatus::lost;
    const auto at = found.find(leases[i].id);
    if (at == found.end() || at->second.token != leases[i].token || leases[i].token.value == 0) continue;
    if (at->second.state != JobState::running && at->second.state != JobState::cancelling) continue;
    answers[i] = status_of(static_cast<std::int64_t>(at->second.state));
    held.push_back(i);
  }
  return held;
}

using Ended = std::vector<std::optional<FinishStatus>>;

FinishStatus ended_as(bool cancelled) { return cancelled ? FinishStatus::cancelled : FinishStatus::applied; }

/// Ends the leases of jobs that all have succeeded.
void succeed(const sql::Work& work, const Queries& q, std::span<const Finish> items, Ended& ended) {
  Numbers numbers(items.size());
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  std::ranges::sort(numbers, {}, [&](std::size_t i) { return items[i].id; });
  Array ids(Of::uuid), tokens(Of::bigint), results(Of::text);
  for (const std::size_t i : numbers) {
    ids.add(items[i].id);
    tokens.add(items[i].token.value);
    results.add(items[i].result);
  }
  work.session().execute(
      q.succeed,
      {{"ids", ids.view()}, {"tokens", tokens.view()}, {"results", results.view()}, {"now", work.wall()}},
      [&](const sql::Row& row) {
        const std::size_t i = numbers.at(static_cast<std::size_t>(row.integer(0)) - 1);
        ended[i] = ended_as(static_cast<JobState>(row.integer(1)) == JobState::cancelled);
      });
}

/// Ends leases in all the ways there are. Says whether a job goes on that was to snooze.
bool end(const sql::Work& work, const Queries& q, std::span<const Finish> items, Ended& ended) {
  Array ids(Of::uuid), tokens(Of::bigint), kinds(Of::smallint), results(Of::text), messages(Of::text),
      causes(Of::smallint), delays(Of::bigint);
  for (const Finish& item : items) {
    ids.add(item.id);
    tokens.add(item.token.value);
    kinds.add(static_cast<std::int64_t>(item.kind));
    results.add(item.result);
    messages.add(item.message);
    causes.add(static_cast<std::int64_t>(item.cause));
    delays.add(std::int64_t{item.delay.count()});
  }
  bool goes_on = false;
  work.session().execute(q.finish,
                         {{"ids", ids.view()},
                          {"tokens", tokens.view()},
                          {"kinds", kinds.view()},
                          {"results", results.view()},
                          {"messages", messages.view()},
                          {"causes", causes.view()},
                          {"delays", delays.view()},
                          {"now", work.wall()}},
                         [&](const sql::Row& row) {
                           ended.at(static_cast<std::size_t>(row.integer(0)) - 1) =
                               ended_as(static_cast<JobState>(row.integer(1)) == JobState::cancelling);
                           goes_on = goes_on || row.integer(2) != 0;
                         });
  return goes_on;
}

/// No lease is there twice.
std::vector<FinishStatus> finish_once(const sql::Work& work, const Queries& q, sql::Marks& marks,
                                      std::span<const Finish> items) {
  std::vector<std::optional<FinishStatus>> ended(items.size());
  const bool successes = std::ranges::all_of(
      items, [](const Finish& item) { return item.kind == FinishKind::success && item.message.empty(); });
  if (successes) {
    succeed(work, q, items, ended);
  } else if (end(work, q, items, ended)) {
    marks.forget();
  }
  std::vector<JobId> refused;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!ended[i]) refused.push_back(items[i].id);
  }
  const auto found = probe_others(work, q, refused, None{});
  std::vector<FinishStatus> answers;
  answers.reserve(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const auto at = ended[i] ? found.end() : found.find(items[i].id);
    const bool mine = at != found.end() && items[i].token.value != 0 && at->second.token == items[i].token;
    answers.push_back(ended[i] ? *ended[i]
                      : mine   ? sql::answer_to_replay(at->second.ended, items[i].kind)
                               : FinishStatus::stale);
  }
  return answers;
}

}  // namespace

std::vector<FinishStatus> PgServer::finish(sql::Work& work, std::span<const Finish> items) {
  return sql::in_rounds(work, items, [&](std::span<const Finish> some) { return finish_once(work, q_, marks_, some); });
}

// Nobody's lock is waited for: the other leases of the process would run out meanwhile. Most locks are gone after a
// moment: an outcome or lines of a log are being written, or the job is being taken back. A transaction that keeps one
// for longer ends the lease or leaves it; nobody takes the job away meanwhile, so the lease counts as renewed.
std::vector<LeaseStatus> PgServer::heartbeat(sql::Work& work, std::span<const backend::LeaseRef> leases) {
  if (options_.pooled) work.begin();  // else it waits for a locked table for as long as it takes
  constexpr int most_turns = 4;
  std::vector<LeaseStatus> answers(leases.size(), LeaseStatus::lost);
  Numbers left(leases.size());
  std::iota(left.begin(), left.end(), std::size_t{0});
  left = renew(work, q_, leases, left, answers);
  Duration pause = std::chrono::milliseconds(10);
  sql::follow_up(work, [&] {
    for (int tries = 1; !left.empty(); ++tries, pause *= 3) {
      left = still_held(work, q_, leases, left, answers);
      if (left.empty() || tries == most_turns) return;
      platform::pause_for(pause);
      left = renew(work, q_, leases, left, answers);
    }
  });
  return answers;
}

}  // namespace sqlq::postgres
