// Jobs are enqueued, claimed, and their leases end.

#include <algorithm>
#include <set>
#include <utility>

#include "twin_values.hpp"

namespace sqlq::conformance {

using namespace std::chrono_literals;

NewJob Twin::some_new_job() {
  NewJob job{.kind = twin::kinds[index(twin::kinds.size())], .params = std::to_string(inserted_)};
  job.options = {.queue = twin::queues[index(twin::queues.size())],
                 .priority = number(0, 3),
                 .max_attempts = 1 + number(0, 2),
                 .max_crashes = 1 + number(0, 2),
                 .delay = number(0, 2) == 1 ? Duration(std::chrono::seconds(number(1, 60))) : Duration(0),
                 .keepalive = std::chrono::seconds(number(5, 40)),
                 .id = JobId::make(clock_.now())};
  if (number(0, 3) == 1) job.options.unique_key = "key" + std::to_string(number(0, 3));
  if (number(0, 1) == 1) job.options.retention = std::chrono::seconds(number(0, 60));
  if (capabilities_.limits && number(0, 2) == 1) job.options.key = number(0, 1) == 0 ? "m" : "n";
  return job;
}

void Twin::enqueue(std::size_t n) {
  std::vector<NewJob> jobs;
  for (std::size_t i = 0; i < n; ++i) jobs.push_back(some_new_job());
  if (n == 1) {
    check_answers(jobs, {client().enqueue(jobs.front())});
  } else {
    check_answers(jobs, client().enqueue_many(jobs));
  }
}

void Twin::enqueue_again() {
  if (enqueued_.empty()) return;
  const std::vector<NewJob> jobs{enqueued_[index(enqueued_.size())]};
  check_answers(jobs, client().enqueue_many(jobs));
}

void Twin::check_answers(const std::vector<NewJob>& jobs, const std::vector<Enqueued>& answers) {
  same(answers.size(), jobs.size(), "answers to an enqueue");
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const Enqueued expected = expect_enqueued(jobs[i]);
    const EnqueueOptions& o = jobs[i].options;
    done("enqueue " + name(expected.id) + (expected.inserted() ? "" : " again") + ": queue " + *o.queue + ", kind " +
         jobs[i].kind + ", priority " + twin::text(o.priority) + ", attempts " + twin::text(*o.max_attempts) +
         ", crashes " + twin::text(*o.max_crashes) + ", delay " + twin::text(o.delay) + ", keepalive " +
         twin::text(*o.keepalive) + ", unique key " + o.unique_key.value_or("-") + ", retention " +
         (o.retention ? twin::text(*o.retention) : "-") + ", key " + o.key.value_or("-"));
    same(answers[i].status, expected.status, "inserted");
    same(answers[i].id, expected.id, "the id of the job");
  }
}

/// What the answer must be; the job is there from now on.
Enqueued Twin::expect_enqueued(const NewJob& asked) {
  const EnqueueOptions& o = asked.options;
  if (jobs_.contains(*o.id)) return {.id = *o.id, .status = EnqueueStatus::existing_id};
  if (const auto holder = live_with(o.unique_key.value_or(""))) {
    return {.id = *holder, .status = EnqueueStatus::existing_key};
  }
  Known job;
  job.number = ++inserted_;
  job.order = inserted_;
  job.queue = *o.queue;
  job.kind = asked.kind;
  job.key = o.unique_key.value_or("");
  job.gate = o.key.value_or("");
  job.priority = o.priority;
  job.max_attempts = *o.max_attempts;
  job.max_crashes = *o.max_crashes;
  job.keepalive = *o.keepalive;
  job.retention = o.retention;
  job.run_at = clock_.now() + o.delay;
  job.state = back(job, o.delay > Duration(0) ? JobState::scheduled : JobState::pending);
  jobs_.emplace(*o.id, std::move(job));
  enqueued_.push_back(asked);
  return {.id = *o.id, .status = EnqueueStatus::inserted};
}

void Twin::claim() {
  const std::vector<std::string> of_queues = some_of(twin::queues);
  const std::vector<std::string> of_kinds = some_of(twin::kinds);
  const auto n = static_cast<std::size_t>(number(1, 5));
  const std::vector<Job> claimed = client().claim(of_queues, {of_kinds}, n);
  std::vector<std::string> names;
  for (const Job& job : claimed) names.push_back(name(job.id));
  done("claim " + twin::text(n) + " of queues " + twin::text(of_queues) + ", kinds " + twin::text(of_kinds) + ": " +
       twin::text(names));
  require(claimed.size() <= n, "more jobs than asked for");
  let_in();
  bool suspects = true;  // one more may be taken
  for (const Job& job : claimed) {
    take(job, of_queues, of_kinds, suspects);
  }
  if (claimed.size() == n) return;
  const Known* left = first_ready(of_queues, of_kinds, suspects);
  require(left == nullptr, left == nullptr ? "" : "job " + twin::text(left->number) + " was ready and was left");
}

/// Somebody has claimed it. `suspects`: whether that claim may take one more of them.
void Twin::take(const Job& job, const std::vector<std::string>& of_queues, const std::vector<std::string>& of_kinds,
                bool& suspects) {
  const Known* first = first_ready(of_queues, of_kinds, suspects);
  require(first != nullptr && jobs_.contains(job.id), name(job.id) + " was not ready");
  Known& taken = jobs_.at(job.id);
  require(ready(taken, of_queues, of_kinds), name(job.id) + " was not ready");
  require(suspects || !taken.is_suspect(), name(job.id) + " is a second suspect");
  suspects = suspects && !taken.is_suspect();
  require(rank(taken) == rank(*first), name(job.id) + " was taken before job " + twin::text(first->number));
  if (taken.claims == 0 && first->claims == 0) same(taken.order, first->order, "the next in order of insertion");
  taken.state = JobState::running;
  ++taken.attempt;
  ++taken.claims;
  taken.token = job.lease_token;
  taken.lease_until = clock_.steady() + taken.keepalive;
  same(job.attempt, taken.attempt, "the attempt of " + name(job.id));
  same(job.claims, taken.claims, "the claims of " + name(job.id));
  leases_.push_back(job);
}

void Twin::finish(Command::Kind how) {
  using enum Command::Kind;
  const Job* lease = any_lease();
  if (lease == nullptr) return;
  const JobId id = lease->id;
  const auto found = jobs_.find(id);
  Known* job = found == jobs_.end() ? nullptr : &found->second;
  const Command::Kind way = how == error && lease->attempt >= lease->max_attempts ? discard : how;
  FinishStatus expected = FinishStatus::stale;
  if (job != nullptr && job->token == lease->lease_token) {
    expected = job->state == JobState::cancelling ? FinishStatus::cancelled
               : job->is_held()                   ? FinishStatus::applied
               : job->ended == way                ? FinishStatus::already_applied
                                                  : FinishStatus::ended_otherwise;
  }
  const Duration delay = std::chrono::seconds(number(0, 30));
  const std::string result = std::to_string(number(0, 9));
  FinishStatus said{};
  std::string did = "success";
  if (how == success) {
    said = client().success(*lease, result);
  } else if (how == error) {
    did = "error, retry after " + twin::text(delay);
    said = client().error(*lease, "no", {.retry = RetryPolicy::constant(delay)});
  } else if (how == discard) {
    did = "error, discarded";
    said = client().error(*lease, "no", {.discard = true});
  } else if (how == cancelled) {
    did = "cancelled";
    said = client().cancelled(*lease);
  } else if (how == snooze) {
    did = "snooze for " + twin::text(delay);
    said = client().snooze(*lease, delay);
  } else {
    did = "release";
    said = client().release(*lease);
  }
  done(did + " of " + name(id) + ", claim " + twin::text(lease->claims) + ": " + twin::text(said));
  same(said, expected, "the answer");
  if (said != FinishStatus::applied && said != FinishStatus::cancelled) return;

  job->ended = way;
  end_lease(id, *job, how, delay, result, said == FinishStatus::cancelled);
}

/// The holder has ended it so; `cancelled`: cancellation had been asked for.
void Twin::end_lease(JobId id, Known& job, Command::Kind how, Duration delay, const std::string& result,
                     bool cancelled) {
  using Way = Command::Kind;
  if (how == Way::success) job.result = result;
  if (how == Way::success && !cancelled) return end(job, JobState::success);
  cancelled = cancelled || how == Way::cancelled;
  job.record(cancelled             ? Cause::cancelled
             : how == Way::error   ? Cause::failed
             : how == Way::discard ? Cause::discarded
             : how == Way::snooze  ? Cause::snoozed
                                   : Cause::released);
  if (cancelled) return end(job, JobState::cancelled);
  if (how == Way::discard || (how == Way::error && job.attempt >= job.max_attempts)) return end(job, JobState::errored);
  if (how != Way::error) --job.attempt;
  if (how == Way::release) return put_back(id, job);
  if (how == Way::snooze) return snooze(id, job, delay);
  wait_until(job, delay);
}

void Twin::ping() {
  const Job* lease = any_lease();
  if (lease == nullptr) return;
  const auto found = jobs_.find(lease->id);
  const bool holds = found != jobs_.end() && found->second.token == lease->lease_token && found->second.is_held();
  const LeaseStatus expected = !holds                                        ? LeaseStatus::lost
                               : found->second.state == JobState::cancelling ? LeaseStatus::cancel_requested
                                                                             : LeaseStatus::renewed;
  const LeaseStatus said = client().ping(*lease);
  done("ping of " + name(lease->id) + ", claim " + twin::text(lease->claims) + ": " + twin::text(said));
  same(said, expected, "the answer");
  if (holds) {
    found->second.lease_until = clock_.steady() + found->second.keepalive;
  } else if (found != jobs_.end() && capabilities_.outages) {
    take_back_crash(found->first, found->second, lease->claims);
  }
}

/// Who lost that claim's lease lives.
void Twin::take_back_crash(JobId id, Known& job, std::int64_t claim) {
  const auto line = std::ranges::find(job.history, std::pair(claim, Cause::lease_ended));
  if (line == job.history.end()) return;
  line->second = Cause::outage;
  const bool forgotten = std::any_of(line, job.history.end(), [](const auto& later) {
    return later.second == Cause::snoozed || later.second == Cause::requeued || later.second == Cause::taken_away;
  });
  if (forgotten) return;
  const bool crashes_ended_it = job.state == JobState::errored && job.token == LeaseToken{} &&
                                job.crashes >= job.max_crashes && job.attempt < job.max_attempts;
  --job.crashes;
  if (!crashes_ended_it || (job.crashes >= job.max_crashes && claim != job.claims) || live_with(job.key)) return;
  put_back(id, job);
}

void Twin::reap() {
  const std::vector<std::string> of_queues = some_of(twin::queues);
  const ReapReport report = client().reap(of_queues);
  const auto names = [&](const std::vector<JobId>& ids) {
    std::set<std::string> all;
    for (const JobId id : ids) all.insert(name(id));
    return all;
  };
  done("reap " + twin::text(of_queues) + ": returned " + twin::text(names(report.returned)) + ", errored " +
       twin::text(names(report.errored)) + ", cancelled " + twin::text(names(report.cancelled)));
  ReapReport expected;
  for (auto& [id, job] : jobs_) {
    if (!twin::meant(of_queues, job.queue) || !job.is_held() || job.lease_until > clock_.steady()) continue;
    job.token = {};
    ++job.crashes;
    job.record(Cause::lease_ended);
    if (job.state == JobState::cancelling) {
      expected.cancelled.push_back(id);
      end(job, JobState::cancelled);
    } else if (job.attempt < job.max_attempts && job.crashes < job.max_crashes) {
      expected.returned.push_back(id);
      put_back(id, job);
    } else {
      expected.errored.push_back(id);
      end(job, JobState::errored);
    }
  }
  same(report.total(), expected.total(), "the number of jobs whose lease ended");
  same(names(report.returned), names(expected.returned), "returned");
  same(names(report.errored), names(expected.errored), "errored");
  same(names(report.cancelled), names(expected.cancelled), "cancelled");
}

}  // namespace sqlq::conformance
