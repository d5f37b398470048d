#include <algorithm>
#include <functional>
#include <utility>

#include "twin_values.hpp"

namespace sqlq::conformance {

using namespace std::chrono_literals;

const std::vector<std::pair<std::size_t, Command::Kind>>& usual_commands() {
  using enum Command::Kind;
  static const std::vector<std::pair<std::size_t, Command::Kind>> all{
      {14, enqueue}, {5, enqueue_many}, {3, enqueue_again}, {20, claim},  {8, success}, {5, error}, {3, discard},
      {3, cancelled}, {4, snooze},      {4, release},       {5, ping},    {6, cancel},  {6, reap},  {3, purge},
      {5, requeue},   {2, pause},       {3, resume},        {4, limit},   {3, priority}, {8, advance},
      {3, run_now},   {24, run},        {10, record},       {14, signal}, {6, restart},  {7, sync},
      {2, pause_schedule}, {3, resume_schedule}, {2, remove_schedule},    {3, fire},     {12, tick},
      {12, look},     {3, limit_keys}};
  return all;
}

namespace {

std::vector<Client> clients_of(const std::vector<Database>& handles) {
  return {handles.begin(), handles.end()};
}

/// Of both kinds; `run` answers what a handler does.
Handlers handlers_of(const std::function<Outcome(JobContext&)>& run) {
  Handlers handlers;
  handlers.on("x", Handlers::Function(run), {.retry = RetryPolicy::constant(twin::retry)});
  handlers.on("y", Handlers::Function(run), {.retry = RetryPolicy::constant(twin::retry), .keep_steps = false});
  return handlers;
}

}  // namespace

Twin::Twin(const std::vector<Database>& handles, const std::shared_ptr<testing::ManualClock>& clock,
           const backend::Capabilities& capabilities)
    : clients_(clients_of(handles)),
      admin_(handles.front()),
      clock_(*clock),
      capabilities_(capabilities),
      worker_(clock, handles.back(), handlers_of([this](JobContext& context) { return execute(context); })) {
  for (const std::string& queue : twin::queues) {
    admin_.create_queue(queue);
    admin_.resume(queue);
    if (capabilities_.limits) admin_.set_key_limits(queue, {});
    lanes_[queue] = {};
  }
}

void Twin::apply(const Command& command) {
  command_ = &command;
  choice_ = 0;
  obey(command);
  let_in();
}

void Twin::obey(const Command& command) {
  using enum Command::Kind;
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
    case run_now: return this->run_now();
    case run: return this->run();
    case record: return this->record();
    case signal: return this->signal();
    case restart: return this->restart();
    case sync: return this->sync();
    case pause_schedule:
    case resume_schedule:
    case remove_schedule: return steer(command.kind);
    case fire: return this->fire();
    case tick: return this->tick();
    case look: return this->look();
    case limit_keys: return this->limit_keys();
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
  return waits && !lane.paused && twin::meant(of_queues, job.queue) && twin::meant(of_kinds, job.kind) &&
         (!lane.limit || held(job.queue) < *lane.limit);
}

std::tuple<int, int, TimePoint> Twin::rank(const Known& job) const {
  return {lanes_.at(job.queue).priority, job.priority, job.run_at};
}

const Twin::Known* Twin::first_ready(const std::vector<std::string>& of_queues,
                                     const std::vector<std::string>& of_kinds, bool suspects) const {
  const Known* first = nullptr;
  const auto place = [this](const Known& job) { return std::pair(rank(job), job.order); };
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
  job.state = back(job, JobState::scheduled);
  job.run_at = clock_.now() + delay;
}

/// When such jobs are due is the backend's choice, but it has passed.
void Twin::put_back(JobId id, Known& job) const {
  const std::optional<Job> now = admin_.find(id);
  require(now.has_value(), name(id) + " is gone");
  job.state = back(job, JobState::pending);
  job.run_at = now->run_at;
  require(job.run_at <= clock_.now(), name(id) + " was put back, but is not due");
}

/// It waits and may run at once; since when it is due, and whether its state says so already, is the backend's choice.
void Twin::adopt_due(JobId id, Known& job) const {
  const std::optional<Job> now = admin_.find(id);
  require(now && (now->state == JobState::pending || now->state == back(job, JobState::scheduled)),
          name(id) + " does not wait");
  require(now->run_at <= clock_.now(), name(id) + " is not due");
  job.state = back(job, now->state);
  job.run_at = now->run_at;
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
    same(job.unique_key, known.key, "the unique key" + of);
    same(std::string(key_of(job)), known.gate, "the key" + of);
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
      is.push_back(twin::text(line.claim) + ":" + twin::text(line.cause));
    }
    for (const auto& [claim, cause] : known.history) should.push_back(twin::text(claim) + ":" + twin::text(cause));
    same(is, should, "the history" + of);
    compare_steps(job.id, known);
  }
  for (const auto& [queue, lane] : lanes_) {
    const JobCounts counts = admin_.counts(queue);
    const std::uint64_t is = counts.at(JobState::running).value + counts.at(JobState::cancelling).value;
    same(static_cast<std::size_t>(is), static_cast<std::size_t>(held(queue)), "jobs held in queue " + queue);
    const auto waits = [&name = queue](const Entry& job) {
      return job.second.queue == name && job.second.state == JobState::waiting;
    };
    const auto waiting = std::ranges::count_if(jobs_, waits);
    same(static_cast<std::size_t>(counts.at(JobState::waiting).value), static_cast<std::size_t>(waiting),
         "jobs that wait in queue " + queue);
  }
  compare_schedules();
}

void Twin::require(bool holds, const std::string& otherwise) const {
  if (holds) return;
  std::string story = otherwise + "\nbefore that:\n";
  for (const std::string& line : trace_) story += "  " + line + "\n";
  throw Mismatch(story);
}

void clear(Client client, Admin admin, testing::ManualClock& clock) {
  if (client.database().ready().periodic() != nullptr) {
    Schedules schedules(client.database());
    for (const ScheduleState& state : schedules.list()) schedules.remove(state.schedule.name);
  }
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
