// A random sequence of operations by several clients, against a small model of what a queue means. Time stands still
// between operations, so every answer is determined.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

struct Known {
  JobId id;
  std::string queue;
  std::string kind;
  std::string key;
  JobState state = JobState::pending;
  int priority = 10;
  int attempt = 0;
  int max_attempts = 1;
  int crashes = 0;
  int max_crashes = 1;
  std::int64_t claims = 0;
  LeaseToken token;
  Duration keepalive{};
  std::optional<Duration> retention;
  TimePoint run_at;
  SteadyPoint lease_until;
  TimePoint expires;

  [[nodiscard]] bool is_held() const { return state == JobState::running || state == JobState::cancelling; }
};

struct Lane {
  int priority = 1;
  std::optional<std::uint32_t> limit;
  bool paused = false;
};

class Twin {
 public:
  Twin(std::vector<Client> clients, Admin admin, testing::ManualClock& clock, std::uint64_t seed)
      : clients_(std::move(clients)), admin_(std::move(admin)), clock_(clock), random_(seed) {
    for (const char* name : {"a", "b", "c"}) {
      admin_.create_queue(name);
      lanes_[name] = {};
    }
  }

  void step() {
    switch (number(0, 15)) {
      case 0:
      case 1:
      case 2:
      case 3: return enqueue();
      case 4:
      case 5:
      case 6: return claim();
      case 7:
      case 8:
      case 9: return finish();
      case 10: return ping();
      case 11: return cancel();
      case 12: return reap();
      case 13: return number(0, 1) == 0 ? purge() : requeue();
      case 14: return change_queue();
      default: return advance();
    }
  }

  void compare() {
    for (const auto& [id, known] : jobs_) {
      const std::optional<Job> job = admin_.find(id);
      ASSERT_TRUE(job) << id.to_string();
      const bool due = known.state == JobState::scheduled && known.run_at <= clock_.now();
      EXPECT_TRUE(job->state == known.state || (due && job->state == JobState::pending))
          << to_string(job->state) << " instead of " << to_string(known.state);
      EXPECT_EQ(job->attempt, known.attempt);
      EXPECT_EQ(job->crashes, known.crashes);
      EXPECT_EQ(job->claims, known.claims);
      EXPECT_EQ(job->lease_token, known.token);
      EXPECT_EQ(job->finished_at.has_value(), is_finished(known.state));
      if (!is_finished(known.state)) {
        EXPECT_EQ(job->run_at - clock_.now(), known.run_at - clock_.now());
      }
    }
    for (const auto& [name, lane] : lanes_) {
      const JobCounts counts = admin_.counts(name);
      EXPECT_EQ(counts.at(JobState::running).value + counts.at(JobState::cancelling).value, held(name));
    }
  }

 private:
  // ---------------------------------------------------------------------------------------------- chance
  int number(int least, int most) { return std::uniform_int_distribution<int>(least, most)(random_); }
  template <class T>
  T one_of(const std::vector<T>& from) {
    return from[static_cast<std::size_t>(number(0, static_cast<int>(from.size()) - 1))];
  }
  Client& client() { return clients_[static_cast<std::size_t>(number(0, static_cast<int>(clients_.size()) - 1))]; }
  std::vector<std::string> some_of(const std::vector<std::string>& all) {
    std::vector<std::string> chosen;
    for (const std::string& name : all) {
      if (number(0, 2) == 0) chosen.push_back(name);
    }
    return chosen;
  }
  /// One of all jobs there are; nullptr if there is none.
  Known* any_job() {
    if (jobs_.empty()) return nullptr;
    return &std::next(jobs_.begin(), number(0, static_cast<int>(jobs_.size()) - 1))->second;
  }
  /// One of all leases there ever were, more often a recent one.
  const Job* any_lease() {
    if (leases_.empty()) return nullptr;
    const int last = static_cast<int>(leases_.size()) - 1;
    return &leases_[static_cast<std::size_t>(number(number(0, 3) == 0 ? 0 : std::max(0, last - 6), last))];
  }

  // ---------------------------------------------------------------------------------------------- meaning
  std::uint64_t held(const std::string& queue) const {
    std::uint64_t count = 0;
    for (const auto& [id, job] : jobs_) count += job.queue == queue && job.is_held() ? 1u : 0u;
    return count;
  }

  bool ready(const Known& job, const std::vector<std::string>& queues, const std::vector<std::string>& kinds) const {
    const auto wanted = [](const std::vector<std::string>& names, const std::string& name) {
      return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
    };
    const Lane& lane = lanes_.at(job.queue);
    const bool waits =
        job.state == JobState::pending || (job.state == JobState::scheduled && job.run_at <= clock_.now());
    return waits && !lane.paused && wanted(queues, job.queue) && wanted(kinds, job.kind) &&
           (!lane.limit || held(job.queue) < *lane.limit);
  }

  std::tuple<int, int, TimePoint> rank(const Known& job) const {
    return {lanes_.at(job.queue).priority, job.priority, job.run_at};
  }

  const Known* first_ready(const std::vector<std::string>& queues, const std::vector<std::string>& kinds) const {
    const Known* first = nullptr;
    for (const auto& [id, job] : jobs_) {  // in order of ids, which is the order of insertion
      if (ready(job, queues, kinds) && (first == nullptr || rank(job) < rank(*first))) first = &job;
    }
    return first;
  }

  bool live_with(const std::string& key, JobId except) const {
    return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
      return entry.second.key == key && entry.first != except && !is_finished(entry.second.state);
    });
  }

  void end(Known& job, JobState how) {
    job.state = how;
    const Duration usual = how == JobState::errored ? Duration(24h * 7) : Duration(24h);
    job.expires = clock_.now() + job.retention.value_or(usual);
  }

  void wait_until(Known& job, Duration delay) {
    job.state = JobState::scheduled;
    job.run_at = clock_.now() + delay;
  }

  /// Jobs that were put back: when they are due is the backend's choice, but it has passed.
  void put_back(Known& job) {
    job.state = JobState::pending;
    job.run_at = admin_.find(job.id)->run_at;
    EXPECT_LE(job.run_at, clock_.now());
  }

  // ---------------------------------------------------------------------------------------------- operations
  void enqueue() {
    EnqueueOptions options{.queue = one_of(std::vector<std::string>{"a", "b", "c"}),
                           .priority = number(-1, 2),
                           .max_attempts = number(1, 3),
                           .max_crashes = number(1, 3),
                           .delay = number(0, 2) == 0 ? Duration(std::chrono::seconds(number(1, 60))) : Duration(0),
                           .keepalive = std::chrono::seconds(number(5, 40))};
    if (number(0, 3) == 0) options.unique_key = "key" + std::to_string(number(0, 3));
    if (number(0, 1) == 0) options.retention = std::chrono::seconds(number(0, 60));
    const std::string kind = one_of(std::vector<std::string>{"x", "y"});
    const Enqueued made = client().enqueue(NewJob{.kind = kind, .options = options});

    const std::string key = options.unique_key.value_or("");
    const bool taken = !key.empty() && live_with(key, JobId{});
    EXPECT_EQ(made.inserted, !taken);
    if (taken) {
      EXPECT_EQ(jobs_.at(made.id).key, key);
      return;
    }
    Known job;
    job.id = made.id;
    job.queue = options.queue;
    job.kind = kind;
    job.key = key;
    job.priority = options.priority;
    job.max_attempts = options.max_attempts;
    job.max_crashes = options.max_crashes;
    job.keepalive = options.keepalive;
    job.retention = options.retention;
    job.run_at = clock_.now() + options.delay;
    job.state = options.delay > Duration(0) ? JobState::scheduled : JobState::pending;
    jobs_.emplace(made.id, std::move(job));
  }

  void claim() {
    const std::vector<std::string> queues = some_of({"a", "b", "c"});
    const std::vector<std::string> kinds = some_of({"x", "y"});
    const auto n = static_cast<std::size_t>(number(1, 5));
    const std::vector<Job> claimed = client().claim(queues, {kinds}, n);
    EXPECT_LE(claimed.size(), n);
    for (const Job& job : claimed) {
      const Known* first = first_ready(queues, kinds);
      ASSERT_NE(first, nullptr) << "a job that was not ready";
      Known& taken = jobs_.at(job.id);
      EXPECT_TRUE(ready(taken, queues, kinds));
      EXPECT_EQ(rank(taken), rank(*first)) << "out of order";
      if (taken.claims == 0 && first->claims == 0) {
        EXPECT_EQ(taken.id, first->id) << "out of order of insertion";
      }
      taken.state = JobState::running;
      ++taken.attempt;
      ++taken.claims;
      taken.token = job.lease_token;
      taken.lease_until = clock_.steady() + taken.keepalive;
      EXPECT_EQ(job.attempt, taken.attempt);
      leases_.push_back(job);
    }
    if (claimed.size() < n) {
      EXPECT_EQ(first_ready(queues, kinds), nullptr) << "a ready job was left";
    }
  }

  void finish() {
    const Job* lease = any_lease();
    if (lease == nullptr) return;
    const auto found = jobs_.find(lease->id);
    Known* job = found == jobs_.end() ? nullptr : &found->second;
    FinishStatus expected = FinishStatus::stale;
    if (job != nullptr && job->token == lease->lease_token) {
      expected = job->state == JobState::cancelling ? FinishStatus::cancelled
                 : job->is_held()                   ? FinishStatus::applied
                                                    : FinishStatus::already_applied;
    }
    const int how = number(0, 6);
    const Duration delay = std::chrono::seconds(number(0, 30));
    const ErrorOptions retry{.retry = RetryPolicy::constant(delay)};
    FinishStatus said{};
    switch (how) {
      case 0:
      case 1: said = client().success(*lease, "1"); break;
      case 2: said = client().error(*lease, "no", retry); break;
      case 3: said = client().error(*lease, "no", {.discard = true}); break;
      case 4: said = client().cancelled(*lease); break;
      case 5: said = client().snooze(*lease, delay); break;
      default: said = client().release(*lease); break;
    }
    EXPECT_EQ(said, expected) << "finish " << how;
    if (expected == FinishStatus::cancelled) return end(*job, JobState::cancelled);
    if (expected != FinishStatus::applied) return;
    switch (how) {
      case 0:
      case 1: return end(*job, JobState::success);
      case 2: return job->attempt < job->max_attempts ? wait_until(*job, delay) : end(*job, JobState::errored);
      case 3: return end(*job, JobState::errored);
      case 4: return end(*job, JobState::cancelled);
      case 5: --job->attempt; return wait_until(*job, delay);
      default: --job->attempt; return put_back(*job);
    }
  }

  void ping() {
    const Job* lease = any_lease();
    if (lease == nullptr) return;
    const auto found = jobs_.find(lease->id);
    const bool holds = found != jobs_.end() && found->second.token == lease->lease_token && found->second.is_held();
    const LeaseStatus expected = !holds                                        ? LeaseStatus::lost
                                 : found->second.state == JobState::cancelling ? LeaseStatus::cancel_requested
                                                                               : LeaseStatus::renewed;
    EXPECT_EQ(client().ping(*lease), expected);
    if (holds) found->second.lease_until = clock_.steady() + found->second.keepalive;
  }

  void cancel() {
    Known* job = any_job();
    if (job == nullptr) return;
    const CancelStatus expected = is_finished(job->state) ? CancelStatus::finished
                                  : job->is_held()        ? CancelStatus::cancelling
                                                          : CancelStatus::cancelled;
    EXPECT_EQ(client().cancel(job->id), expected);
    if (expected == CancelStatus::cancelling) job->state = JobState::cancelling;
    if (expected == CancelStatus::cancelled) end(*job, JobState::cancelled);
  }

  void reap() {
    const std::vector<std::string> queues = some_of({"a", "b", "c"});
    const ReapReport report = client().reap(queues);
    std::set<JobId> returned;
    std::set<JobId> errored;
    std::set<JobId> cancelled;
    for (auto& [id, job] : jobs_) {
      const bool meant = queues.empty() || std::find(queues.begin(), queues.end(), job.queue) != queues.end();
      if (!meant || !job.is_held() || job.lease_until > clock_.steady()) continue;
      job.token = {};
      ++job.crashes;
      if (job.state == JobState::cancelling) {
        cancelled.insert(id);
        end(job, JobState::cancelled);
      } else if (job.attempt < job.max_attempts && job.crashes < job.max_crashes) {
        returned.insert(id);
        put_back(job);
      } else {
        errored.insert(id);
        end(job, JobState::errored);
      }
    }
    EXPECT_EQ(std::set<JobId>(report.returned.begin(), report.returned.end()), returned);
    EXPECT_EQ(std::set<JobId>(report.errored.begin(), report.errored.end()), errored);
    EXPECT_EQ(std::set<JobId>(report.cancelled.begin(), report.cancelled.end()), cancelled);
  }

  void purge() {
    const std::size_t gone = std::erase_if(jobs_, [&](const auto& entry) {
      return is_finished(entry.second.state) && entry.second.expires <= clock_.now();
    });
    EXPECT_EQ(admin_.purge(), gone);
  }

  void requeue() {
    Known* job = any_job();
    if (job == nullptr) return;
    const RequeueStatus expected = !is_finished(job->state)                            ? RequeueStatus::not_finished
                                   : !job->key.empty() && live_with(job->key, job->id) ? RequeueStatus::duplicate
                                                                                       : RequeueStatus::requeued;
    EXPECT_EQ(admin_.requeue(job->id), expected);
    if (expected != RequeueStatus::requeued) return;
    job->attempt = 0;
    job->crashes = 0;
    job->token = {};
    put_back(*job);
  }

  void change_queue() {
    const std::string name = one_of(std::vector<std::string>{"a", "b", "c"});
    Lane& lane = lanes_.at(name);
    switch (number(0, 3)) {
      case 0: lane.paused = true; return admin_.pause(name);
      case 1:
        lane.limit = number(0, 2) == 0 ? std::nullopt : std::optional<std::uint32_t>(number(0, 4));
        return admin_.set_concurrency(name, lane.limit);
      case 2: lane.priority = number(0, 2); return admin_.set_priority(name, lane.priority);
      default: lane.paused = false; return admin_.resume(name);
    }
  }

  void advance() { clock_.advance(std::chrono::seconds(number(0, 20)) + Duration(number(1, 999'999))); }

  std::vector<Client> clients_;
  Admin admin_;
  testing::ManualClock& clock_;
  std::mt19937_64 random_;
  std::map<JobId, Known> jobs_;
  std::map<std::string, Lane> lanes_;
  std::vector<Job> leases_;
};

}  // namespace

TEST_P(Model, ARandomSequenceMeansTheSameHereAndThere) {
  const std::uint64_t seed = random_seed();
  RecordProperty("seed", std::to_string(seed));
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  Twin twin({Client{db()}, Client{another()}, Client{another()}}, admin(), clock(), seed);
  for (int i = 0; i < 600 && !HasFailure(); ++i) {
    SCOPED_TRACE("operation " + std::to_string(i));
    twin.step();
    if (i % 20 == 19) twin.compare();
  }
  twin.compare();
}

}  // namespace sqlq::conformance
