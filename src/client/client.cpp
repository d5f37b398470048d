#include <sqlq/client.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/stop_token.hpp>

#include "client/waiting.hpp"
#include "core/checks.hpp"
#include "core/enqueue_items.hpp"
#include "core/headers.hpp"
#include "core/isolate.hpp"
#include "core/observing.hpp"
#include "core/request_time.hpp"
#include "core/retention.hpp"
#include "core/text.hpp"
#include "core/waiters.hpp"
#include "platform/host.hpp"
#include "platform/random.hpp"

namespace sqlq {

namespace {

using backend::EnqueueItem;
using backend::Finish;
using backend::FinishKind;
using client::Waiting;

// A thousand years: no database has to add more to a date.

void check_size(std::span<const NewJob> jobs) {
  if (jobs.size() <= core::max_batch) return;
  throw Error(Errc::invalid_argument, "enqueue_many got " + std::to_string(jobs.size()) + " jobs; at most " +
                                          std::to_string(core::max_batch) + " fit one call: use several");
}

void check_jobs(std::span<const NewJob> jobs, const PayloadLimits& limits) {
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

CancelStatus ask_to_stop(const Database& db, JobId id, const Tx* within) {
  const std::vector<CancelStatus> answers =
      db.ready().cancel(std::span(&id, 1), within, core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  if (within == nullptr && answers.front() == CancelStatus::cancelled) {
    core::go_on_after(db.dialect(), std::span(&id, 1), core::request_time(db.clock()));
  }
  return answers.front();
}

std::optional<Job> look(const Database& db, JobId id, const Tx* within) {
  std::vector<std::optional<Job>> answers = db.ready().get(std::span(&id, 1), within);
  core::expect_answers(answers.size(), 1);
  return std::move(answers.front());
}

bool asked_to_stop(const std::optional<Job>& job) {
  return job && (job->state == JobState::cancelling || job->state == JobState::cancelled);
}

bool publish(const Database& db, const backend::Interim& item) {
  if (item.token == LeaseToken{}) return false;
  const std::vector<bool> answers = db.ready().publish(std::span(&item, 1), core::request_time(db.clock()));
  core::expect_answers(answers.size(), 1);
  return answers.front();
}

/// Of jobs that a claim could not begin.
void go_on_after_refused(const Database& db, std::span<const backend::RefusedJob> jobs) {
  for (const backend::RefusedJob& job : jobs) {
    if (job.ended) core::go_on_after(db.dialect(), std::span(&job.id, 1), core::request_time(db.clock()));
  }
}

/// When there is more to look at, by our wall clock.
std::optional<TimePoint> due(const backend::GatesLooked& looked, TimePoint now) {
  if (!looked.next) return std::nullopt;
  return saturating_add(now, std::max(*looked.next - looked.now, Duration::zero()));
}

std::optional<TimePoint> sooner(std::optional<TimePoint> a, std::optional<TimePoint> b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

/// The gates of jobs that were throttled, before other jobs of their keys can be let in.
void shut_gates(backend::Dialect& dialect, const std::map<backend::GateName, Duration>& shut, backend::Now now) {
  backend::Gates* const gates = dialect.gates();
  if (gates == nullptr) return;
  for (const auto& [gate, pause] : shut) gates->gate_shut(gate, pause, now);
}

/// Of those that could not even be ended.
void tell_of_refused(std::span<const backend::RefusedJob> jobs) {
  const auto stays = std::ranges::find(jobs, false, &backend::RefusedJob::ended);
  if (stays == jobs.end()) return;
  throw Error(Errc::refused, "the database refuses to start job " + stays->id.to_string() + ": " + stays->why +
                                 "; it is passed over for a minute: cancel it, or change the database");
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

Client::Client(Database db, ClientOptions defaults) : db_(std::move(db)), defaults_(std::move(defaults)) {
  core::check_client_options(defaults_);
}

std::vector<Enqueued> Client::store(std::span<const NewJob> jobs, const Tx* within) const {
  check_size(jobs);
  std::vector<NewJob> passed;
  if (!defaults_.hooks.empty()) jobs = passed = core::pass_hooks(jobs, defaults_.hooks);
  check_jobs(jobs, db_.limits());
  if (jobs.empty()) return {};
  const TimePoint now = db_.clock().now();
  backend::Dialect& dialect = db_.ready();
  std::vector<EnqueueItem> items;
  std::deque<std::string> headers;  // of those that have any
  items.reserve(jobs.size());
  for (const NewJob& job : jobs) {
    items.push_back(core::item_of(job, defaults_, now));
    if (job.options.headers.empty() && !job.options.key) continue;
    core::check_can_store(dialect.capabilities(), job.options);
    items.back().headers = headers.emplace_back(core::headers_text(core::stored_headers(job.options)));
  }
  std::vector<Enqueued> answers = dialect.enqueue(items, within, core::request_time(db_.clock()));
  core::expect_answers(answers.size(), items.size());
  core::tell_enqueued(defaults_.observers, items, answers, within != nullptr);
  return answers;
}

Enqueued Client::enqueue(const NewJob& job) { return store(std::span(&job, 1), nullptr).front(); }

Enqueued Client::enqueue(Tx tx, const NewJob& job) { return store(std::span(&job, 1), &tx).front(); }

// The caller may not know the new id: repeated as it is, the call would store another job.
EnqueuedRow Client::store_and_read(const NewJob& job, const Tx* within) const {
  const Enqueued stored = store(std::span(&job, 1), within).front();
  try {
    return {stored, look(db_, stored.id, within)};
  } catch (const Error& e) {
    if (within != nullptr || !stored.inserted()) throw;
    throw Error(Errc::outcome_unknown,
                "job " + stored.id.to_string() + " is stored, but cannot be read: " + e.what() +
                    "; find it by this id, or repeat the call with it",
                e.backend(), e.native_code(), e.statement());
  }
}

EnqueuedRow Client::enqueue_row(const NewJob& job) { return store_and_read(job, nullptr); }

EnqueuedRow Client::enqueue_row(Tx tx, const NewJob& job) { return store_and_read(job, &tx); }

std::vector<Enqueued> Client::enqueue_many(std::span<const NewJob> jobs) { return store(jobs, nullptr); }

std::vector<Enqueued> Client::enqueue_many(Tx tx, std::span<const NewJob> jobs) { return store(jobs, &tx); }

std::optional<Job> Client::find(JobId id) const { return look(db_, id, nullptr); }

std::optional<Job> Client::find(Tx tx, JobId id) const { return look(db_, id, &tx); }

bool Client::is_cancelled(JobId id) const { return asked_to_stop(find(id)); }

bool Client::is_cancelled(Tx tx, JobId id) const { return asked_to_stop(find(tx, id)); }

std::optional<Job> Client::wait(JobId id, Duration timeout, sqlq::stop_token stop) const {
  std::optional<Waiting> waiting;  // made when it is needed: it may cost a connection
  for (;;) {
    std::optional<Job> job = find(id);
    if (!job || is_finished(job->state)) return job;
    if (!waiting) {
      waiting.emplace(db_, timeout, stop);
    } else if (!waiting->go_on()) {
      return std::nullopt;
    }
  }
}

CancelStatus Client::cancel(JobId id) { return ask_to_stop(db_, id, nullptr); }

CancelStatus Client::cancel(Tx tx, JobId id) { return ask_to_stop(db_, id, &tx); }

std::vector<Job> Client::claim(std::span<const std::string> queues, const ClaimFilter& filter, std::size_t n) {
  return claim(queues, filter, n, Duration::zero());
}

std::vector<Job> Client::claim(std::span<const std::string> queues, const ClaimFilter& filter, std::size_t n,
                               Duration wait, sqlq::stop_token stop) {
  core::check_range(n, 1, core::max_claim, "the number of jobs to claim");
  const std::vector<std::string> queue_names = core::check_names(queues, "a queue name");
  const std::vector<std::string> kind_names = core::check_names(filter.kinds, "a kind");
  const std::string worker = own_loop_name();
  backend::Dialect& dialect = db_.ready();
  backend::ClaimRequest request;
  request.queues = queue_names;
  request.kinds = kind_names;
  request.limit = n;
  request.worker = worker;
  std::optional<Waiting> waiting;  // made when it is needed: it may cost a connection
  for (bool let_in = false;;) {
    request.token = platform::random_token();
    request.now = core::request_time(db_.clock());
    backend::ClaimResult found = dialect.claim(request);
    go_on_after_refused(db_, found.refused);
    if (found.jobs.empty()) tell_of_refused(found.refused);
    if (!found.jobs.empty()) return std::move(found.jobs);
    const backend::GatesLooked looked = core::look_at_gates(dialect, {}, core::request_time(db_.clock()));
    if (!let_in && looked.let_in > 0) {
      let_in = true;
      continue;
    }
    let_in = false;
    if (wait <= Duration::zero()) return {};
    if (!waiting) {
      waiting.emplace(db_, wait, stop);
    } else if (!waiting->go_on(sooner(found.next_due, due(looked, db_.clock().now())))) {
      return {};
    }
  }
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
  std::vector<backend::OutlivedClaim> outlived;
  std::optional<Error> trouble;
  const auto send = [&] {
    if (leases.empty()) return;
    std::vector<LeaseStatus> answers(leases.size(), LeaseStatus::lost);
    const std::span<const backend::LeaseRef> all(leases);
    const auto refused = core::isolate(all, [&](std::span<const backend::LeaseRef> some) {
      const auto renewed = db_.ready().heartbeat(some, core::request_time(db_.clock()));
      core::expect_answers(renewed.size(), some.size());
      std::ranges::copy(renewed, answers.begin() + (some.data() - all.data()));
    });
    if (!refused.empty()) trouble = refused.front().error;
    for (std::size_t i = 0; i < answers.size(); ++i) {
      const Job& job = jobs[places[i]];
      result[places[i]] = answers[i];
      const auto mine = [&](const core::Offender& o) { return o.index == i; };
      if (answers[i] != LeaseStatus::lost || std::ranges::any_of(refused, mine)) continue;
      outlived.push_back({job.id, job.claims, job.worker});
    }
    if (backend::Outages* const outages = db_.ready().outages(); outages != nullptr) {
      static_cast<void>(core::isolate(std::span<const backend::OutlivedClaim>(outlived), [&](const auto& some) {
        outages->take_back_crashes(some, core::request_time(db_.clock()));
      }));
    }
    outlived.clear();
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
  if (trouble) throw Error(*trouble);
  return result;
}

bool Client::set_result(const Job& job, std::string_view result) {
  check_json(result, db_.limits(), "the job's result");
  return publish(db_, {.id = job.id, .token = job.lease_token, .result = result});
}

bool Client::set_progress(const Job& job, const Progress& progress) {
  Progress clean = progress;
  clean.note = core::note_text(progress.note);
  return publish(db_, {.id = job.id, .token = job.lease_token, .progress = std::move(clean)});
}

FinishStatus Client::success(const Job& job, std::string_view result) {
  return finish({Ending::success(job, std::string(result))}).front();
}

FinishStatus Client::success(Tx tx, const Job& job, std::string_view result) {
  const Ending ending = Ending::success(job, std::string(result));
  return end({&ending, 1}, &tx).front();
}

FinishStatus Client::error(const Job& job, std::string_view message, const ErrorOptions& options) {
  return finish({Ending::error(job, message, options)}).front();
}

FinishStatus Client::error(Tx tx, const Job& job, std::string_view message, const ErrorOptions& options) {
  const Ending ending = Ending::error(job, message, options);
  return end({&ending, 1}, &tx).front();
}

FinishStatus Client::cancelled(const Job& job) { return finish({Ending::cancelled(job)}).front(); }

FinishStatus Client::cancelled(Tx tx, const Job& job) {
  const Ending ending = Ending::cancelled(job);
  return end({&ending, 1}, &tx).front();
}

FinishStatus Client::snooze(const Job& job, Duration delay) { return finish({Ending::snooze(job, delay)}).front(); }

FinishStatus Client::throttled(const Job& job, Duration retry_after, std::string_view why) {
  return finish({Ending::throttled(job, retry_after, why)}).front();
}

FinishStatus Client::release(const Job& job) { return finish({Ending::release(job)}).front(); }

std::vector<FinishStatus> Client::finish(std::span<const Ending> endings) { return end(endings, nullptr); }

std::vector<FinishStatus> Client::finish(Tx tx, std::span<const Ending> endings) { return end(endings, &tx); }

// A job without a token was never claimed, or its lease was taken away: nothing it says may reach the row.
std::vector<FinishStatus> Client::end(std::span<const Ending> endings, const Tx* within) const {
  core::check_range(endings.size(), 0, core::max_claim, "the number of leases to end");
  std::vector<Finish> items;
  std::vector<std::size_t> places;
  std::map<backend::GateName, Duration> shut;
  for (std::size_t i = 0; i < endings.size(); ++i) {
    const Ending& e = endings[i];
    if (e.way_ == Ending::Way::success && !e.text_.empty()) check_json(e.text_, db_.limits(), "the job's result");
    if (e.token_ == LeaseToken{}) continue;
    Finish& item = items.emplace_back(Finish{.id = e.id_, .token = e.token_, .delay = e.delay_});
    switch (e.way_) {
      case Ending::Way::success: item.result = e.text_; break;
      case Ending::Way::retry: item.kind = FinishKind::retry; break;
      case Ending::Way::fail: item.kind = FinishKind::fail; break;
      case Ending::Way::cancel: item.kind = FinishKind::cancel; item.cause = Cause::cancelled; break;
      case Ending::Way::snooze: item.kind = FinishKind::snooze; item.cause = Cause::snoozed; break;
      case Ending::Way::throttle:
        item.kind = FinishKind::snooze;
        item.cause = Cause::snoozed;
        if (e.key_.empty()) break;
        if (Duration& longest = shut[{.queue = e.queue_, .key = e.key_}]; e.delay_ > longest) longest = e.delay_;
        break;
      case Ending::Way::release: item.kind = FinishKind::release; item.cause = Cause::released; break;
    }
    if (e.way_ != Ending::Way::success) item.message = e.text_;
    if (e.discarded_) item.cause = Cause::discarded;
    places.push_back(i);
  }
  std::vector<FinishStatus> result(endings.size(), FinishStatus::stale);
  if (items.empty()) return result;
  if (within != nullptr && !shut.empty()) {
    throw Error(Errc::misuse, "Ending::throttled in a transaction of yours: the key is shut at once, and its row may "
                              "be locked by what you have done; end the job without the transaction");
  }
  shut_gates(db_.ready(), shut, core::request_time(db_.clock()));
  const auto answers = db_.ready().finish(items, within, core::request_time(db_.clock()));
  core::expect_answers(answers.size(), items.size());
  core::Waiters waiters;
  for (std::size_t i = 0; i < answers.size(); ++i) {
    result[places[i]] = answers[i];
    if (within != nullptr || !accepted(answers[i])) continue;
    const Ending& e = endings[places[i]];
    if (!e.key_.empty()) waiters.gates.insert({.queue = e.queue_, .key = e.key_});
    if (e.parent_.empty() || !core::ended_for_good(items[i].kind, answers[i])) continue;
    if (auto read = core::read_parent(e.parent_)) waiters.parents.insert(*std::move(read));
  }
  core::go_on_after(db_.dialect(), waiters, core::request_time(db_.clock()));
  return result;
}

Ending::Ending(const Job& job, Way way) : id_(job.id), token_(job.lease_token), way_(way) {
  if (job.headers.empty()) return;
  if (const auto parent = job.headers.find(std::string(core::parent_header)); parent != job.headers.end()) {
    parent_ = parent->second;
  }
  if (auto gate = core::gate_of(job)) {
    queue_ = std::move(gate->queue);
    key_ = std::move(gate->key);
  }
}

Ending Ending::success(const Job& job, std::string result) {
  Ending ending(job, Way::success);
  ending.text_ = std::move(result);
  return ending;
}

Ending Ending::error(const Job& job, std::string_view message, const ErrorOptions& options) {
  const bool again = !options.discard && job.attempt < job.max_attempts;
  Ending ending(job, again ? Way::retry : Way::fail);
  ending.text_ = core::clean_text(message, core::max_message_bytes);
  ending.discarded_ = options.discard;
  if (again) ending.delay_ = options.retry.delay(job.attempt);
  return ending;
}

Ending Ending::cancelled(const Job& job) { return {job, Way::cancel}; }

Ending Ending::snooze(const Job& job, Duration delay) {
  Ending ending(job, Way::snooze);
  ending.delay_ = std::max(delay, Duration::zero());
  return ending;
}

Ending Ending::throttled(const Job& job, Duration retry_after, std::string_view why) {
  Ending ending(job, Way::throttle);
  ending.text_ = core::clean_text(core::throttled_text(why), core::max_message_bytes);
  ending.delay_ = std::max(retry_after, Duration::zero());
  return ending;
}

Ending Ending::release(const Job& job) { return {job, Way::release}; }

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
    core::go_on_after(dialect, part.errored, core::request_time(db_.clock()));
    core::go_on_after(dialect, part.cancelled, core::request_time(db_.clock()));
    append(all.returned, part.returned);
    append(all.errored, part.errored);
    append(all.cancelled, part.cancelled);
    all.refused = part.refused;  // they are met again
    if (part.total() + part.refused.size() < batch || part.total() == 0) return all;
  }
}

}  // namespace sqlq
