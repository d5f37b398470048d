#include <sqlq/client.hpp>

#include <algorithm>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/request_time.hpp"
#include "core/text.hpp"
#include "platform/host.hpp"
#include "platform/random.hpp"

namespace sqlq {

namespace {

using backend::EnqueueItem;
using backend::Finish;
using backend::FinishKind;

// A thousand years: no database has to add more to a date.
constexpr Duration longest_retention = std::chrono::hours(24) * 365'000;

void check_batch(std::span<const NewJob> jobs, const PayloadLimits& limits) {
  if (jobs.size() > core::max_batch) {
    throw Error(Errc::invalid_argument, "enqueue_many got " + std::to_string(jobs.size()) + " jobs; at most " +
                                            std::to_string(core::max_batch) + " fit one call: use several");
  }
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    try {
      core::check_job(jobs[i], limits);
    } catch (const Error& e) {
      if (jobs.size() == 1) throw;
      throw Error(e.code(),
                  "job " + std::to_string(i + 1) + " of " + std::to_string(jobs.size()) + ": " + e.what());
    }
  }
}

EnqueueItem describe(const NewJob& job, TimePoint now) {
  const EnqueueOptions& options = job.options;
  EnqueueItem item;
  item.id = options.id ? *options.id : JobId::make(now);
  item.queue = options.queue;
  item.kind = job.kind;
  item.params = job.params;
  if (options.unique_key) item.unique_key = *options.unique_key;
  item.priority = options.priority;
  item.max_attempts = options.max_attempts;
  item.max_crashes = options.max_crashes;
  item.keepalive = options.keepalive;
  item.timeout = options.timeout;
  if (options.retention) item.retention = std::min(*options.retention, longest_retention);
  item.run_at = options.run_at;
  item.delay = std::max(options.delay, Duration::zero());
  return item;
}

std::vector<Enqueued> store(const Database& db, std::span<const NewJob> jobs, const Tx* within) {
  check_batch(jobs, db.limits());
  if (jobs.empty()) return {};
  const TimePoint now = db.clock().now();
  std::vector<EnqueueItem> items;
  items.reserve(jobs.size());
  for (const NewJob& job : jobs) items.push_back(describe(job, now));
  std::vector<Enqueued> answers = db.ready().enqueue(items, within, core::request_time(db.clock()));
  core::expect_answers(answers.size(), items.size());
  return answers;
}

CancelStatus ask_to_stop(const Database& db, JobId id, const Tx* within) {
  const std::vector<CancelStatus> answers =
      db.ready().cancel(std::span(&id, 1), within, core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  return answers.front();
}

// A job without a token was never claimed, or its lease was taken away: nothing it says may reach the row.
FinishStatus finish(const Database& db, const Job& job, Finish item, const Tx* within) {
  if (job.lease_token == LeaseToken{}) return FinishStatus::stale;
  item.id = job.id;
  item.token = job.lease_token;
  const std::vector<FinishStatus> answers =
      db.ready().finish(std::span(&item, 1), within, core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  return answers.front();
}

FinishStatus finish_success(const Database& db, const Job& job, std::string_view result, const Tx* within) {
  if (!result.empty()) check_json(result, db.limits(), "the job's result");
  Finish item;
  item.kind = FinishKind::success;
  item.result = result;
  return finish(db, job, item, within);
}

FinishStatus finish_error(const Database& db, const Job& job, std::string_view message, const ErrorOptions& options,
                          const Tx* within) {
  const std::string text = core::clean_text(message, core::max_message_bytes);
  Finish item;
  item.message = text;
  item.cause = options.discard ? Cause::discarded : Cause::failed;
  if (!options.discard && job.attempt < job.max_attempts) {
    item.kind = FinishKind::retry;
    item.delay = options.retry.delay(job.attempt);
  } else {
    item.kind = FinishKind::fail;
  }
  return finish(db, job, item, within);
}

FinishStatus finish_cancelled(const Database& db, const Job& job, const Tx* within) {
  Finish item;
  item.kind = FinishKind::cancel;
  item.cause = Cause::cancelled;
  return finish(db, job, item, within);
}

// One name for all own loops of this process; workers have one each.
std::string own_loop_name() {
  static const auto tag = static_cast<std::uint32_t>(platform::random64());
  return platform::worker_name(tag);
}

}  // namespace

void Client::refuse_shared_identity(const EnqueueOptions& options) {
  if (!options.id && !options.unique_key) return;
  throw Error(Errc::invalid_argument,
              "enqueue_many gives all jobs the same options: with an id or unique_key all but one would be duplicates");
}

Enqueued Client::enqueue(const NewJob& job) { return store(db_, std::span(&job, 1), nullptr).front(); }

Enqueued Client::enqueue(Tx tx, const NewJob& job) { return store(db_, std::span(&job, 1), &tx).front(); }

std::vector<Enqueued> Client::enqueue_many(std::span<const NewJob> jobs) { return store(db_, jobs, nullptr); }

std::vector<Enqueued> Client::enqueue_many(Tx tx, std::span<const NewJob> jobs) { return store(db_, jobs, &tx); }

std::optional<Job> Client::find(JobId id) const {
  std::vector<std::optional<Job>> answers = db_.ready().get(std::span(&id, 1));
  core::expect_answers(answers.size(), 1);
  return std::move(answers.front());
}

bool Client::is_cancelled(JobId id) const {
  const std::optional<Job> job = find(id);
  return job && (job->state == JobState::cancelling || job->state == JobState::cancelled);
}

CancelStatus Client::cancel(JobId id) { return ask_to_stop(db_, id, nullptr); }

CancelStatus Client::cancel(Tx tx, JobId id) { return ask_to_stop(db_, id, &tx); }

std::vector<Job> Client::claim(std::span<const std::string> queues, const ClaimFilter& filter, std::size_t n) {
  core::check_range(n, 1, core::max_claim, "the number of jobs to claim");
  const std::vector<std::string> queue_names = core::check_names(queues, "a queue name");
  const std::vector<std::string> kind_names = core::check_names(filter.kinds, "a kind");
  const std::string worker = own_loop_name();
  backend::ClaimRequest request;
  request.queues = queue_names;
  request.kinds = kind_names;
  request.limit = n;
  request.token = platform::random_token();
  request.worker = worker;
  backend::Dialect& dialect = db_.ready();
  request.now = core::request_time(db_.clock());
  return dialect.claim(request).jobs;
}

std::optional<Job> Client::claim_one(const std::string& queue, const ClaimFilter& filter) {
  std::vector<Job> jobs = claim(std::span(&queue, 1), filter, 1);
  if (jobs.empty()) return std::nullopt;
  return std::move(jobs.front());
}

LeaseStatus Client::ping(const Job& job) { return ping(std::span(&job, 1)).front(); }

std::vector<LeaseStatus> Client::ping(std::span<const Job> jobs) {
  std::vector<LeaseStatus> result(jobs.size(), LeaseStatus::lost);
  std::vector<backend::LeaseRef> leases;
  std::vector<std::size_t> places;
  const auto send = [&] {
    if (leases.empty()) return;
    const std::vector<LeaseStatus> answers = db_.ready().heartbeat(leases, core::request_time(db_.clock()));
    core::expect_answers(answers.size(), leases.size());
    for (std::size_t i = 0; i < answers.size(); ++i) result[places[i]] = answers[i];
    leases.clear();
    places.clear();
  };
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (jobs[i].lease_token == LeaseToken{}) continue;
    leases.push_back({jobs[i].id, jobs[i].lease_token});
    places.push_back(i);
    if (leases.size() == core::max_claim) send();
  }
  send();
  return result;
}

FinishStatus Client::success(const Job& job, std::string_view result) {
  return finish_success(db_, job, result, nullptr);
}

FinishStatus Client::success(Tx tx, const Job& job, std::string_view result) {
  return finish_success(db_, job, result, &tx);
}

FinishStatus Client::error(const Job& job, std::string_view message, const ErrorOptions& options) {
  return finish_error(db_, job, message, options, nullptr);
}

FinishStatus Client::error(Tx tx, const Job& job, std::string_view message, const ErrorOptions& options) {
  return finish_error(db_, job, message, options, &tx);
}

FinishStatus Client::cancelled(const Job& job) { return finish_cancelled(db_, job, nullptr); }

FinishStatus Client::cancelled(Tx tx, const Job& job) { return finish_cancelled(db_, job, &tx); }

FinishStatus Client::snooze(const Job& job, Duration delay) {
  Finish item;
  item.kind = FinishKind::snooze;
  item.cause = Cause::snoozed;
  item.delay = std::max(delay, Duration::zero());
  return finish(db_, job, item, nullptr);
}

FinishStatus Client::release(const Job& job) {
  Finish item;
  item.kind = FinishKind::release;
  item.cause = Cause::released;
  return finish(db_, job, item, nullptr);
}

ReapReport Client::reap(std::span<const std::string> queues) {
  constexpr std::size_t batch = 1000;
  const std::vector<std::string> names = core::check_names(queues, "a queue name");
  backend::Dialect& dialect = db_.ready();
  const auto append = [](std::vector<JobId>& all, const std::vector<JobId>& more) {
    all.insert(all.end(), more.begin(), more.end());
  };
  ReapReport all;
  for (;;) {
    const ReapReport part = dialect.reap(names, batch, core::request_time(db_.clock()));
    append(all.returned, part.returned);
    append(all.errored, part.errored);
    append(all.cancelled, part.cancelled);
    if (part.total() < batch) return all;
  }
}

}  // namespace sqlq
