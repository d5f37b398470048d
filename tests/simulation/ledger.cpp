#include "simulation/ledger.hpp"

#include <algorithm>
#include <utility>

#include "core/checks.hpp"
#include "core/lists.hpp"

namespace sqlq::simulation {
namespace {

using backend::FinishKind;

bool held(JobState state) { return state == JobState::running || state == JobState::cancelling; }

std::string text(auto value) { return std::string(to_string(value)); }

}  // namespace

void Ledger::fail(const std::string& invariant, JobId id, const std::string& what) {
  if (breach_.empty()) breach_ = invariant + ": job " + name(id) + " " + what;
  note("BREACH " + invariant + ": job " + name(id) + " " + what);
}

void Ledger::note(const std::string& line) {
  if (trace) trace(line);
}

std::string Ledger::name(JobId id) const {
  const auto at = jobs_.find(id);
  return at == jobs_.end() ? "(unknown)" : "#" + std::to_string(at->second.number);
}

Ledger::Known* Ledger::find(JobId id, const char* operation) {
  latest_ = std::max(latest_, clock_.now());
  const auto at = jobs_.find(id);
  if (at != jobs_.end()) return &at->second;
  fail("phantom", id, std::string("was never enqueued, but there was a ") + operation);
  return nullptr;
}

const Ledger::Known* Ledger::live_with(const std::string& key) const {
  for (const auto& [id, job] : jobs_) {
    if (job.key == key && !is_finished(job.state)) return &job;
  }
  return nullptr;
}

JobId Ledger::a_live_one() const {
  const auto at = std::ranges::find_if(jobs_, [](const auto& known) { return !is_finished(known.second.state); });
  return at == jobs_.end() ? JobId{} : at->first;
}

// ------------------------------------------------------------------------------------------------- operations

void Ledger::enqueued(std::span<const backend::EnqueueItem> items, std::span<const Enqueued> answers) {
  latest_ = std::max(latest_, clock_.now());
  core::expect_answers(answers.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const backend::EnqueueItem& item = items[i];
    const std::string key(item.unique_key.value_or(""));
    const auto at = jobs_.find(item.id);
    const bool known = at != jobs_.end();
    const bool may_be_purged = known && is_finished(at->second.state) && at->second.expires <= latest_;
    const Known* holder = key.empty() ? nullptr : live_with(key);
    mix(answers[i].inserted() ? 1 : 2);
    if (!answers[i].inserted()) {
      if (!known && holder == nullptr) fail("unique", item.id, "was refused as a duplicate of nothing");
      continue;
    }
    if (known && !may_be_purged) fail("unique", item.id, "was stored twice");
    if (holder != nullptr) fail("unique", item.id, "was stored beside #" + std::to_string(holder->number));
    Known& job = jobs_[item.id] = {};
    ++live_;
    job.number = static_cast<int>(jobs_.size());
    job.queue = item.queue;
    job.key = key;
    job.due = std::max(item.run_at.value_or(saturating_add(clock_.now(), item.delay)), clock_.now());
    job.retention = item.retention;
    job.keepalive = item.keepalive;
    job.max_attempts = item.max_attempts;
    job.max_crashes = item.max_crashes;
    lanes_[job.queue];
    note("enqueued " + name(item.id) + " in " + job.queue);
  }
}

void Ledger::cancelled(std::span<const JobId> ids, std::span<const CancelStatus> answers) {
  core::expect_answers(answers.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (answers[i] == CancelStatus::not_found) continue;
    Known* job = find(ids[i], "cancel");
    if (job == nullptr) return;
    const CancelStatus expected = is_finished(job->state) ? CancelStatus::finished
                                  : held(job->state)      ? CancelStatus::cancelling
                                                          : CancelStatus::cancelled;
    if (answers[i] != expected) fail("cancel", ids[i], "in " + text(job->state) + ": " + text(answers[i]));
    mix(static_cast<std::uint64_t>(expected) + 10);
    note("cancel " + name(ids[i]) + ": " + text(answers[i]));
    if (expected == CancelStatus::cancelling) job->state = JobState::cancelling;
    if (expected == CancelStatus::cancelled) end(*job, JobState::cancelled, clock_.now());
  }
}

void Ledger::claimed(const backend::HandOverRequest& wanted, const backend::ClaimResult& result) {
  const backend::ClaimRequest& request = wanted.claim;
  latest_ = std::max(latest_, clock_.now());
  if (!wanted.ends.empty()) figures_.replaced += result.jobs.size();
  if (result.jobs.size() > request.limit) fail("claim", {}, "is one more than were asked for");
  for (const Job& said : result.jobs) {
    Known* job = find(said.id, "claim");
    if (job == nullptr) return;
    note("claimed " + name(said.id) + " by " + std::string(request.worker));
    if (held(job->state)) return fail("overlap", said.id, "was claimed while somebody holds its lease");
    if (is_finished(job->state)) return fail("duplicate", said.id, "was claimed after it had ended");
    if (job->due > latest_) return fail("early", said.id, "was claimed before it was due");
    hold(*job, said);
  }
}

void Ledger::hold(Known& job, const Job& said) {
  Lane& lane = lanes_[job.queue];
  mix(static_cast<std::uint64_t>(job.number) + 100);
  if (lane.paused) fail("limit", said.id, "was claimed from a paused queue");
  if (lane.limit && lane.held >= *lane.limit) {
    fail("limit", said.id, "was claimed though " + std::to_string(lane.held) + " of its queue were held");
  }
  ++lane.held;
  job.state = JobState::running;
  job.token = said.lease_token;
  job.claimed_at = clock_.steady();
  job.lease_until = saturating_add(clock_.steady(), job.keepalive);
  ++job.attempt;
  ++job.claims;
  if (said.attempt != job.attempt || said.claims != job.claims || said.crashes != job.crashes) {
    fail("attempts", said.id, "says attempt " + std::to_string(said.attempt) + " at its claim " +
                                  std::to_string(said.claims) + ", not " + std::to_string(job.attempt) + " at " +
                                  std::to_string(job.claims));
  }
  if (job.attempt > job.max_attempts) fail("attempts", said.id, "was claimed more often than it may");
  if (job.crashes >= job.max_crashes && !job.spared) {
    fail("poison", said.id, "was claimed though it had killed its worker too often");
  }
}

void Ledger::finished(std::span<const backend::Finish> items, std::span<const FinishStatus> answers,
                      backend::Now asked) {
  latest_ = std::max(latest_, clock_.now());
  const TimePoint when = asked ? asked->wall : clock_.now();
  core::expect_answers(answers.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const backend::Finish& item = items[i];
    const auto at = jobs_.find(item.id);
    FinishStatus expected = FinishStatus::stale;
    if (at != jobs_.end() && at->second.token == item.token && item.token != LeaseToken{}) {
      const JobState state = at->second.state;
      expected = state == JobState::cancelling   ? FinishStatus::cancelled
                 : held(state)                   ? FinishStatus::applied
                 : at->second.ended == item.kind ? FinishStatus::already_applied
                                                 : FinishStatus::ended_otherwise;
    }
    note("finish " + name(item.id) + " kind " + std::to_string(static_cast<int>(item.kind)) + ": " + text(answers[i]));
    mix(static_cast<std::uint64_t>(answers[i]) + 20);
    if (answers[i] == FinishStatus::stale) ++figures_.stale;
    if (answers[i] == FinishStatus::already_applied) ++figures_.replays;
    const bool purged = at != jobs_.end() && is_finished(at->second.state) && at->second.expires <= latest_;
    if (purged && answers[i] == FinishStatus::stale) continue;
    if (answers[i] != expected) {
      fail("fencing", item.id, "was to be ended, answer " + text(answers[i]) + " instead of " + text(expected));
    }
    if (expected == FinishStatus::applied || expected == FinishStatus::cancelled) at->second.ended = item.kind;
    if (expected == FinishStatus::applied) carry_out(at->second, item, when);
    if (expected == FinishStatus::cancelled) {
      if (!item.result.empty()) at->second.result = item.result;
      end_lease(at->second);
      end(at->second, JobState::cancelled, when);
    }
  }
}

void Ledger::published(std::span<const backend::Interim> items, const std::vector<bool>& answers) {
  core::expect_answers(answers.size(), items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    const backend::Interim& item = items[i];
    const auto at = jobs_.find(item.id);
    const bool mine = at != jobs_.end() && held(at->second.state) && at->second.token == item.token;
    if (answers[i] != mine) fail("fencing", item.id, mine ? "was not published" : "was published by a stale lease");
    if (mine && !item.result.empty()) at->second.result = item.result;
  }
}

void Ledger::carry_out(Known& job, const backend::Finish& item, TimePoint at) {
  const auto later = [&] { job.due = saturating_add(at, std::max(item.delay, Duration(0))); };
  end_lease(job);
  if (!item.result.empty()) job.result = item.result;
  switch (item.kind) {
    case FinishKind::success: return end(job, JobState::success, at);
    case FinishKind::fail: return end(job, JobState::errored, at);
    case FinishKind::cancel: return end(job, JobState::cancelled, at);
    case FinishKind::retry: job.state = JobState::scheduled; return later();
    case FinishKind::snooze:
      job.state = JobState::scheduled;
      --job.attempt;
      forget_crashes(job);
      later();
      if (std::exchange(job.told, false)) job.due = at;
      return;
    case FinishKind::release: job.state = JobState::pending; --job.attempt; return;
  }
}

void Ledger::forget_crashes(Known& job) {
  job.crashes = 0;
  for (auto& [claim, counts] : job.lease_ends) counts = false;
}

void Ledger::end_lease(Known& job) { --lanes_[job.queue].held; }

void Ledger::end(Known& job, JobState state, TimePoint at) {
  const Duration usual = state == JobState::errored ? std::chrono::days(7) : std::chrono::hours(24);
  job.state = state;
  job.ended_by_crashes = false;
  job.expires = saturating_add(at, job.retention.value_or(usual));
  --live_;
}

void Ledger::renewed(std::span<const backend::LeaseRef> leases, std::span<const LeaseStatus> answers) {
  core::expect_answers(answers.size(), leases.size());
  std::uint64_t sum = 0;  // the order of leases in one call means nothing
  for (std::size_t i = 0; i < leases.size(); ++i) {
    const auto at = jobs_.find(leases[i].id);
    const bool holds = at != jobs_.end() && held(at->second.state) && at->second.token == leases[i].token;
    const LeaseStatus expected = !holds                                      ? LeaseStatus::lost
                                 : at->second.state == JobState::cancelling ? LeaseStatus::cancel_requested
                                                                             : LeaseStatus::renewed;
    if (answers[i] != expected) {
      fail("fencing", leases[i].id, "was renewed, answer " + text(answers[i]) + " instead of " + text(expected));
    }
    if (holds) at->second.lease_until = saturating_add(clock_.steady(), at->second.keepalive);
    sum += static_cast<std::uint64_t>(expected) + 1;
    note("heartbeat " + name(leases[i].id) + ": " + text(answers[i]));
  }
  mix(sum + 30);
}

void Ledger::reaped(const ReapReport& report) {
  const auto take_back = [&](const std::vector<JobId>& ids, JobState state) {
    for (const JobId id : ids) {
      Known* job = find(id, "reap");
      if (job == nullptr) return;
      note("reaped " + name(id) + " to " + text(state));
      mix(static_cast<std::uint64_t>(job->number) + 40);
      ++figures_.reaped;
      if (!held(job->state)) return fail("reap", id, "was taken back though nobody held it");
      if (job->lease_until > clock_.steady()) return fail("reap", id, "was taken back from a holder in good standing");
      if (job->claimed_at > calm_since_) return fail("heartbeat", id, "lost its lease though nothing was wrong");
      const SteadyPoint noticeable = std::max(job->lease_until, rescue_since_);
      if (rescue_ && clock_.steady() - noticeable > *rescue_) return fail("rescue", id, "was taken back too late");
      job->spared = job->token < LeaseToken{} && is_suspect(job->crashes, job->max_crashes);
      ++job->crashes;
      job->lease_ends[job->claims] = true;
      job->token = {};
      end_lease(*job);
      const bool again = job->attempt < job->max_attempts && (job->crashes < job->max_crashes || job->spared);
      const JobState expected = job->state == JobState::cancelling ? JobState::cancelled
                                : again                            ? JobState::pending
                                                                   : JobState::errored;
      if (state != expected) return fail("reap", id, "went to " + text(state) + " instead of " + text(expected));
      if (state == JobState::pending) {
        job->state = state;
      } else {
        end(*job, state, clock_.now());
        job->ended_by_crashes = state == JobState::errored && job->attempt < job->max_attempts;
      }
    }
  };
  take_back(report.returned, JobState::pending);
  take_back(report.errored, JobState::errored);
  take_back(report.cancelled, JobState::cancelled);
}

void Ledger::outlived(std::span<const backend::OutlivedClaim> claims, const std::vector<bool>& answers) {
  core::expect_answers(answers.size(), claims.size());
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto at = jobs_.find(claims[i].id);
    if (at == jobs_.end()) return fail("phantom", claims[i].id, "was never enqueued, but had a lease");
    Known& job = at->second;
    const auto line = job.lease_ends.find(claims[i].claim);
    const bool purged = is_finished(job.state) && job.expires <= latest_;
    if (answers[i] != (line != job.lease_ends.end()) && !purged) {
      return fail("outage", claims[i].id, "had a lease that ended, and nobody knows of it, or the other way round");
    }
    if (!answers[i] || !std::exchange(line->second, false)) continue;
    note("an outage of " + name(claims[i].id) + " claim " + std::to_string(claims[i].claim));
    mix(70);
    --job.crashes;
    const bool kept = job.crashes >= job.max_crashes && claims[i].claim != job.claims;
    if (job.state != JobState::errored || !job.ended_by_crashes || kept) continue;
    if (!job.key.empty() && live_with(job.key) != nullptr) continue;
    job.state = JobState::pending;
    job.spared = job.crashes >= job.max_crashes;  // as it was before this claim, which was its last
    ++live_;
  }
}

void Ledger::purged(std::size_t jobs) {
  latest_ = std::max(latest_, clock_.now());
  if (jobs > 0) note("purged " + std::to_string(jobs));
}

void Ledger::requeued(std::span<const JobId> ids, std::span<const RequeueStatus> answers) {
  core::expect_answers(answers.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (answers[i] != RequeueStatus::requeued) continue;
    Known* job = find(ids[i], "requeue");
    if (job == nullptr) return;
    if (!is_finished(job->state)) return fail("requeue", ids[i], "was put back while it was " + text(job->state));
    if (!job->key.empty() && live_with(job->key) != nullptr) fail("unique", ids[i], "was put back beside another");
    note("requeued " + name(ids[i]));
    mix(50);
    job->state = JobState::pending;
    job->attempt = 0;
    forget_crashes(*job);
    job->token = {};
    job->due = clock_.now();
    job->result.clear();
    ++live_;
  }
}

void Ledger::queue_changed(const std::string& queue, const backend::QueueChange& change) {
  Lane& lane = lanes_[queue];
  if (change.concurrency) lane.limit = *change.concurrency;
  if (change.paused) lane.paused = *change.paused;
  note("queue " + queue + " changed");
}

// ------------------------------------------------------------------------------------------------- promises

void Ledger::acknowledged(JobId id) {
  const auto at = jobs_.find(id);
  if (at == jobs_.end()) return fail("lost", id, "was acknowledged but is not stored");
  at->second.promised = true;
}

void Ledger::started(const Job& job, bool by_right) {
  ++figures_.executions;
  note("started " + name(job.id) + " claim " + std::to_string(job.claims));
  mix(static_cast<std::uint64_t>(job.claims) + 60);
  if (never_.contains(job.id)) fail("atomic", job.id, "runs though its transaction was rolled back");
  const auto at = jobs_.find(job.id);
  const bool holds = at != jobs_.end() && held(at->second.state) && at->second.token == job.lease_token;
  if (!holds) fail("overlap", job.id, "is begun with a lease that was lost before");
  if (!by_right) fail("overlap", job.id, "is run while an earlier execution goes on that nobody told to stop");
}

void Ledger::expect_rescue_within(Duration time) {
  rescue_ = time;
  rescue_since_ = clock_.steady();
  calm_since_ = std::min(calm_since_, rescue_since_);
}

std::vector<JobId> Ledger::jobs() const {
  std::vector<JobId> ids;
  for (const auto& [id, job] : jobs_) ids.push_back(id);
  return ids;
}

// ------------------------------------------------------------------------------------------------- the end

void Ledger::compare(backend::Dialect& storage) {
  latest_ = std::max(latest_, clock_.now());
  const std::vector<JobId> ids = jobs();
  const std::vector<std::optional<Job>> rows = storage.get(ids, nullptr);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Known& known = jobs_.at(ids[i]);
    if (rows[i]) {
      compare_one(ids[i], known, *rows[i], storage.history(ids[i], 1000));
    } else if (!is_finished(known.state) || known.expires > latest_) {
      fail(known.promised ? "lost" : "gone", ids[i], "is not there, it was " + text(known.state));
    }
  }
  for (const Job& job : core::whole_page(storage, {}, {.limit = 1000})) {
    if (!jobs_.contains(job.id)) fail("phantom", job.id, "is there and was never enqueued");
  }
}

void Ledger::compare_one(JobId id, const Known& known, const Job& job, std::span<const AttemptRecord> history) {
  if (job.state != known.state) fail("state", id, "is " + text(job.state) + " instead of " + text(known.state));
  if (job.attempt != known.attempt || job.claims != known.claims || job.crashes != known.crashes) {
    fail("attempts", id, "counts other attempts, claims or crashes than there were");
  }
  if (job.result != known.result) fail("result", id, "has another result than its last execution gave");
  for (std::int64_t claim = 1; claim <= job.claims; ++claim) {
    const bool last_and_good = claim == job.claims && job.state == JobState::success;
    const bool explained = std::ranges::any_of(history, [&](const AttemptRecord& r) { return r.claim == claim; });
    if (explained || last_and_good) continue;
    fail("explained", id, "has no cause for the end of claim " + std::to_string(claim));
  }
}

}  // namespace sqlq::simulation
