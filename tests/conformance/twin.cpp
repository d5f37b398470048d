#include "twin.hpp"

#include <algorithm>
#include <set>
#include <sstream>
#include <utility>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> queues{"a", "b", "c"};
const std::vector<std::string> kinds{"x", "y"};

bool meant(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

// How values are shown.
std::string text(const std::string& value) { return value; }
std::string text(bool value) { return value ? "true" : "false"; }
std::string text(std::size_t value) { return std::to_string(value); }
std::string text(int value) { return std::to_string(value); }
std::string text(std::int64_t value) { return std::to_string(value); }
std::string text(Duration value) { return std::to_string(value.count()) + " us"; }
template <class T>
  requires requires(T value) { to_string(value); }
std::string text(T value) {
  return std::string(to_string(value));
}
template <class T>
std::string text(const std::vector<T>& values) {
  std::string all = "[";
  for (const T& value : values) all += (all.size() > 1 ? " " : "") + text(value);
  return all + "]";
}
std::string text(const std::set<std::string>& values) { return text(std::vector(values.begin(), values.end())); }

}  // namespace

const std::vector<std::pair<std::size_t, Command::Kind>>& usual_commands() {
  using enum Command::Kind;
  static const std::vector<std::pair<std::size_t, Command::Kind>> all{
      {14, enqueue}, {5, enqueue_many}, {3, enqueue_again}, {20, claim},  {8, success}, {5, error}, {3, discard},
      {3, cancelled}, {4, snooze},      {4, release},       {5, ping},    {6, cancel},  {6, reap},  {3, purge},
      {5, requeue},   {2, pause},       {3, resume},        {4, limit},   {3, priority}, {8, advance}};
  return all;
}

Twin::Twin(std::vector<Client> clients, Admin admin, testing::ManualClock& clock, bool outages)
    : clients_(std::move(clients)), admin_(std::move(admin)), clock_(clock), outages_(outages) {
  for (const std::string& queue : queues) {
    admin_.create_queue(queue);
    admin_.resume(queue);
    lanes_[queue] = {};
  }
}

void Twin::apply(const Command& command) {
  using enum Command::Kind;
  command_ = &command;
  choice_ = 0;
  switch (command.kind) {
    case enqueue: return this->enqueue(1);
    case enqueue_many: return this->enqueue(static_cast<std::size_t>(number(0, 4)));
    case enqueue_again: return this->enqueue_again();
    case claim: return this->claim();
    case success:
    case error:
    case discard:
    case cancelled:
    case snooze:
    case release: return finish(command.kind);
    case ping: return this->ping();
    case cancel: return this->cancel();
    case reap: return this->reap();
    case purge: return this->purge();
    case requeue: return this->requeue();
    case pause:
    case resume:
    case limit:
    case priority: return change_queue(command.kind);
    case advance: return this->advance();
  }
}

// ------------------------------------------------------------------------------------------------- choices

int Twin::number(int least, int most) {
  const int choice = choice_ < command_->choices.size() ? command_->choices[choice_++] : 0;
  return least + choice % (most - least + 1);
}

std::vector<std::string> Twin::some_of(const std::vector<std::string>& all) {
  std::vector<std::string> chosen;
  for (const std::string& name : all) {
    if (number(0, 2) == 1) chosen.push_back(name);
  }
  return chosen;
}

/// One of all jobs there are; nullptr if there is none.
Twin::Entry* Twin::any_job() {
  if (jobs_.empty()) return nullptr;
  return &*std::next(jobs_.begin(), static_cast<std::ptrdiff_t>(index(jobs_.size())));
}

/// One of all leases there ever were, more often a recent one.
const Job* Twin::any_lease() {
  if (leases_.empty()) return nullptr;
  const std::size_t among = number(0, 3) == 3 ? leases_.size() : std::min<std::size_t>(leases_.size(), 6);
  return &leases_[leases_.size() - 1 - index(among)];
}

// ------------------------------------------------------------------------------------------------- meaning

std::uint64_t Twin::held(const std::string& queue) const {
  std::uint64_t count = 0;
  for (const auto& [id, job] : jobs_) count += job.queue == queue && job.is_held() ? 1u : 0u;
  return count;
}

bool Twin::ready(const Known& job, const std::vector<std::string>& of_queues,
                 const std::vector<std::string>& of_kinds) const {
  const Lane& lane = lanes_.at(job.queue);
  const bool waits = job.state == JobState::pending || (job.state == JobState::scheduled && job.run_at <= clock_.now());
  return waits && !lane.paused && meant(of_queues, job.queue) && meant(of_kinds, job.kind) &&
         (!lane.limit || held(job.queue) < *lane.limit);
}

std::tuple<int, int, TimePoint> Twin::rank(const Known& job) const {
  return {lanes_.at(job.queue).priority, job.priority, job.run_at};
}

const Twin::Known* Twin::first_ready(const std::vector<std::string>& of_queues,
                                     const std::vector<std::string>& of_kinds, bool suspects) const {
  const Known* first = nullptr;
  const auto place = [this](const Known& job) { return std::pair(rank(job), job.number); };
  for (const auto& [id, job] : jobs_) {
    if (!ready(job, of_queues, of_kinds) || (job.is_suspect() && !suspects)) continue;
    if (first == nullptr || place(job) < place(*first)) first = &job;
  }
  return first;
}

std::optional<JobId> Twin::live_with(const std::string& key) const {
  for (const auto& [id, job] : jobs_) {
    if (!key.empty() && job.key == key && !job.is_over()) return id;
  }
  return {};
}

std::string Twin::name(JobId id) const {
  const auto at = jobs_.find(id);
  return at == jobs_.end() ? "a job that is gone" : "job " + std::to_string(at->second.number);
}

void Twin::end(Known& job, JobState how) const {
  job.state = how;
  const Duration usual = how == JobState::errored ? Duration(24h * 7) : Duration(24h);
  job.expires = clock_.now() + job.retention.value_or(usual);
}

void Twin::wait_until(Known& job, Duration delay) const {
  job.state = JobState::scheduled;
  job.run_at = clock_.now() + delay;
}

/// When such jobs are due is the backend's choice, but it has passed.
void Twin::put_back(JobId id, Known& job) const {
  const std::optional<Job> now = admin_.find(id);
  require(now.has_value(), name(id) + " is gone");
  job.state = JobState::pending;
  job.run_at = now->run_at;
  require(job.run_at <= clock_.now(), name(id) + " was put back, but is not due");
}

// ------------------------------------------------------------------------------------------------- enqueue

NewJob Twin::some_new_job() {
  NewJob job{.kind = kinds[index(kinds.size())], .params = std::to_string(inserted_)};
  job.options = {.queue = queues[index(queues.size())],
                 .priority = number(0, 3),
                 .max_attempts = 1 + number(0, 2),
                 .max_crashes = 1 + number(0, 2),
                 .delay = number(0, 2) == 1 ? Duration(std::chrono::seconds(number(1, 60))) : Duration(0),
                 .keepalive = std::chrono::seconds(number(5, 40)),
                 .id = JobId::make(clock_.now())};
  if (number(0, 3) == 1) job.options.unique_key = "key" + std::to_string(number(0, 3));
  if (number(0, 1) == 1) job.options.retention = std::chrono::seconds(number(0, 60));
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
         jobs[i].kind + ", priority " + text(o.priority) + ", attempts " + text(*o.max_attempts) + ", crashes " +
         text(*o.max_crashes) + ", delay " + text(o.delay) + ", keepalive " + text(*o.keepalive) + ", key " +
         o.unique_key.value_or("-") + ", retention " + (o.retention ? text(*o.retention) : "-"));
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
  job.queue = *o.queue;
  job.kind = asked.kind;
  job.key = o.unique_key.value_or("");
  job.priority = o.priority;
  job.max_attempts = *o.max_attempts;
  job.max_crashes = *o.max_crashes;
  job.keepalive = *o.keepalive;
  job.retention = o.retention;
  job.run_at = clock_.now() + o.delay;
  job.state = o.delay > Duration(0) ? JobState::scheduled : JobState::pending;
  jobs_.emplace(*o.id, std::move(job));
  enqueued_.push_back(asked);
  return {.id = *o.id, .status = EnqueueStatus::inserted};
}

// ------------------------------------------------------------------------------------------------- work

void Twin::claim() {
  const std::vector<std::string> of_queues = some_of(queues);
  const std::vector<std::string> of_kinds = some_of(kinds);
  const auto n = static_cast<std::size_t>(number(1, 5));
  const std::vector<Job> claimed = client().claim(of_queues, {of_kinds}, n);
  std::vector<std::string> names;
  for (const Job& job : claimed) names.push_back(name(job.id));
  done("claim " + text(n) + " of queues " + text(of_queues) + ", kinds " + text(of_kinds) + ": " + text(names));
  require(claimed.size() <= n, "more jobs than asked for");
  bool suspects = true;  // one more may be taken
  for (const Job& job : claimed) {
    const Known* first = first_ready(of_queues, of_kinds, suspects);
    require(first != nullptr && jobs_.contains(job.id), name(job.id) + " was not ready");
    Known& taken = jobs_.at(job.id);
    require(ready(taken, of_queues, of_kinds), name(job.id) + " was not ready");
    require(suspects || !taken.is_suspect(), name(job.id) + " is a second suspect");
    suspects = suspects && !taken.is_suspect();
    require(rank(taken) == rank(*first), name(job.id) + " was taken before job " + text(first->number));
    if (taken.claims == 0 && first->claims == 0) same(taken.number, first->number, "the next in order of insertion");
    taken.state = JobState::running;
    ++taken.attempt;
    ++taken.claims;
    taken.token = job.lease_token;
    taken.lease_until = clock_.steady() + taken.keepalive;
    same(job.attempt, taken.attempt, "the attempt of " + name(job.id));
    same(job.claims, taken.claims, "the claims of " + name(job.id));
    leases_.push_back(job);
  }
  if (claimed.size() == n) return;
  const Known* left = first_ready(of_queues, of_kinds, suspects);
  require(left == nullptr, left == nullptr ? "" : "job " + text(left->number) + " was ready and was left");
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
  Cause cause = Cause::failed;
  if (how == success) {
    said = client().success(*lease, result);
  } else if (how == error) {
    did = "error, retry after " + text(delay);
    said = client().error(*lease, "no", {.retry = RetryPolicy::constant(delay)});
  } else if (how == discard) {
    did = "error, discarded";
    cause = Cause::discarded;
    said = client().error(*lease, "no", {.discard = true});
  } else if (how == cancelled) {
    did = "cancelled";
    cause = Cause::cancelled;
    said = client().cancelled(*lease);
  } else if (how == snooze) {
    did = "snooze for " + text(delay);
    cause = Cause::snoozed;
    said = client().snooze(*lease, delay);
  } else {
    did = "release";
    cause = Cause::released;
    said = client().release(*lease);
  }
  done(did + " of " + name(id) + ", claim " + text(lease->claims) + ": " + text(said));
  same(said, expected, "the answer");
  if (said != FinishStatus::applied && said != FinishStatus::cancelled) return;

  job->ended = way;
  if (how == success) job->result = result;
  if (said == FinishStatus::cancelled) cause = Cause::cancelled;
  if (how != success || said == FinishStatus::cancelled) job->record(cause);
  if (said == FinishStatus::cancelled || how == cancelled) return end(*job, JobState::cancelled);
  if (how == success) return end(*job, JobState::success);
  if (how == discard || (how == error && job->attempt >= job->max_attempts)) return end(*job, JobState::errored);
  if (how != error) --job->attempt;
  if (how == snooze) job->crashes = 0;
  if (how == release) return put_back(id, *job);
  wait_until(*job, delay);
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
  done("ping of " + name(lease->id) + ", claim " + text(lease->claims) + ": " + text(said));
  same(said, expected, "the answer");
  if (holds) {
    found->second.lease_until = clock_.steady() + found->second.keepalive;
  } else if (found != jobs_.end() && outages_) {
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
  const std::vector<std::string> of_queues = some_of(queues);
  const ReapReport report = client().reap(of_queues);
  const auto names = [&](const std::vector<JobId>& ids) {
    std::set<std::string> all;
    for (const JobId id : ids) all.insert(name(id));
    return all;
  };
  done("reap " + text(of_queues) + ": returned " + text(names(report.returned)) + ", errored " +
       text(names(report.errored)) + ", cancelled " + text(names(report.cancelled)));
  ReapReport expected;
  for (auto& [id, job] : jobs_) {
    if (!meant(of_queues, job.queue) || !job.is_held() || job.lease_until > clock_.steady()) continue;
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

// ------------------------------------------------------------------------------------------------- administration

void Twin::cancel() {
  Entry* entry = any_job();
  if (entry == nullptr) return;
  auto& [id, job] = *entry;
  const CancelStatus expected = job.is_over()   ? CancelStatus::finished
                                : job.is_held() ? CancelStatus::cancelling
                                                : CancelStatus::cancelled;
  const CancelStatus said = client().cancel(id);
  done("cancel " + name(id) + ": " + text(said));
  same(said, expected, "the answer");
  if (said == CancelStatus::cancelling) job.state = JobState::cancelling;
  if (said != CancelStatus::cancelled) return;
  job.record(Cause::cancelled);
  end(job, JobState::cancelled);
}

void Twin::purge() {
  std::set<std::string> names;
  for (const auto& [id, job] : jobs_) {
    if (job.is_over() && job.expires <= clock_.now()) names.insert(name(id));
  }
  std::erase_if(jobs_, [&](const auto& entry) { return names.contains(name(entry.first)); });
  const std::size_t gone = admin_.purge().deleted;
  done("purge: " + text(gone) + ", should be " + text(names));
  same(gone, names.size(), "how many are gone");
}

void Twin::requeue() {
  Entry* entry = any_job();
  if (entry == nullptr) return;
  auto& [id, job] = *entry;
  const RequeueStatus expected = !job.is_over()       ? RequeueStatus::not_finished
                                 : live_with(job.key) ? RequeueStatus::duplicate
                                                      : RequeueStatus::requeued;
  const RequeueStatus said = admin_.requeue(id);
  done("requeue " + name(id) + ": " + text(said));
  same(said, expected, "the answer");
  if (said != RequeueStatus::requeued) return;
  job.attempt = 0;
  job.crashes = 0;
  job.token = {};
  job.result.clear();
  job.record(Cause::requeued);
  put_back(id, job);
}

void Twin::change_queue(Command::Kind how) {
  const std::string& queue = queues[index(queues.size())];
  Lane& lane = lanes_.at(queue);
  if (how == Command::Kind::limit) {
    const int limit = number(0, 5);
    lane.limit = limit == 5 ? std::nullopt : std::optional<std::uint32_t>(limit);
    admin_.set_concurrency(queue, lane.limit);
    done("limit of queue " + queue + ": " + (limit == 5 ? "none" : text(limit)));
  } else if (how == Command::Kind::priority) {
    lane.priority = number(0, 2);
    admin_.set_priority(queue, lane.priority);
    done("priority of queue " + queue + ": " + text(lane.priority));
  } else {
    lane.paused = how == Command::Kind::pause;
    lane.paused ? admin_.pause(queue) : admin_.resume(queue);
    done((lane.paused ? "pause queue " : "resume queue ") + queue);
  }
}

void Twin::advance() {
  const Duration by = std::chrono::seconds(number(0, 20)) + Duration(1 + number(0, 255) * 3900);
  clock_.advance(by);
  done("advance " + text(by));
}

// ------------------------------------------------------------------------------------------------- everything

void Twin::compare() {
  const std::vector<Job> all = admin_.list({}, {.limit = 1000});
  same(all.size(), jobs_.size(), "the number of jobs");
  for (const Job& job : all) {
    require(jobs_.contains(job.id), job.id.to_string() + " is there");
    const Known& known = jobs_.at(job.id);
    const std::string of = " of " + name(job.id);
    const bool due = known.state == JobState::scheduled && known.run_at <= clock_.now();
    if (!due || job.state != JobState::pending) same(job.state, known.state, "the state" + of);
    same(job.queue, known.queue, "the queue" + of);
    same(job.unique_key, known.key, "the key" + of);
    same(job.attempt, known.attempt, "the attempt" + of);
    same(job.crashes, known.crashes, "the crashes" + of);
    same(job.claims, known.claims, "the claims" + of);
    same(job.lease_token.value, known.token.value, "the lease token" + of);
    same(job.result, known.result, "the result" + of);
    same(job.finished_at.has_value(), known.is_over(), "a time of the end" + of);
    if (!known.is_over()) same(Duration(job.run_at - known.run_at), Duration(0), "the difference in when is due" + of);
    std::vector<std::string> is;
    std::vector<std::string> should;
    for (const AttemptRecord& line : admin_.history(job.id, 1000)) {
      is.push_back(text(line.claim) + ":" + text(line.cause));
    }
    for (const auto& [claim, cause] : known.history) should.push_back(text(claim) + ":" + text(cause));
    same(is, should, "the history" + of);
  }
  for (const auto& [queue, lane] : lanes_) {
    const JobCounts counts = admin_.counts(queue);
    const std::uint64_t is = counts.at(JobState::running).value + counts.at(JobState::cancelling).value;
    same(static_cast<std::size_t>(is), static_cast<std::size_t>(held(queue)), "jobs held in queue " + queue);
  }
}

void Twin::require(bool holds, const std::string& otherwise) const {
  if (holds) return;
  std::string story = otherwise + "\nbefore that:\n";
  for (const std::string& line : trace_) story += "  " + line + "\n";
  throw Mismatch(story);
}

template <class T>
void Twin::same(const T& is, const T& should, const std::string& what) const {
  if (is == should) return;
  if constexpr (std::is_same_v<T, JobId>) {
    require(false, what + " is " + name(is) + ", should be " + name(should));
  } else {
    require(false, what + " is " + text(is) + ", should be " + text(should));
  }
}

void clear(Client client, Admin admin, testing::ManualClock& clock) {
  for (int round = 0; round < 10; ++round) {
    const std::vector<Job> all = admin.list({}, {.limit = 1000});
    if (all.empty()) return;
    for (const Job& job : all) admin.cancel(job.id);
    clock.advance(24h * 8);  // longer than any lease and any retention
    client.reap();
    clock.advance(24h * 8);
    while (admin.purge().deleted > 0) {
    }
  }
  throw Mismatch("there are jobs that no cancel, reap and purge takes away");
}

}  // namespace sqlq::conformance
