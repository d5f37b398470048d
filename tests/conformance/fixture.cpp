#include <sqlq/conformance/fixture.hpp>

#include <cctype>
#include <cstdlib>
#include <exception>
#include <latch>
#include <map>
#include <random>
#include <stdexcept>

#include <sqlq/backend/register.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/stop_token.hpp>

#include "report.hpp"
#include "scratch_left.hpp"

namespace sqlq::conformance {

namespace {

std::string test_name() {
  const ::testing::TestInfo* info = ::testing::UnitTest::GetInstance()->current_test_info();
  std::string name = std::string(info->test_suite_name()) + "_" + info->name();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name.substr(0, 60);
}

}  // namespace

Conformance::Conformance() = default;
Conformance::~Conformance() = default;

void Conformance::SetUp() {
  backend_ = GetParam().make();
  manual_ = std::make_shared<testing::ManualClock>();
  clock_ = manual_;
  static std::map<std::string, backend::Capabilities> known;
  auto at = known.find(GetParam().name);
  if (at == known.end()) {
    at = known.emplace(GetParam().name, handle().dialect().capabilities()).first;
    report_capabilities(GetParam().name, handle().description(), at->second);
  }
  capabilities_ = at->second;
}

void Conformance::TearDown() {
  const bool next_may_have_it = migrated_ && !own_ && !HasFailure() && renew();
  db_.reset();
  for (const std::string& url : scratches_) {
    if (next_may_have_it && url == url_) {
      leave_scratch(GetParam().name, url, backend_.drop);
    } else {
      backend_.drop(url);
    }
  }
}

/// Whether the scratch database is as a migration has left it now.
bool Conformance::renew() {
  if (backend_.emptied_sql.empty()) return false;
  const MigrationStatus status = Migrator{*db_}.status();
  if (status.current != status.latest || !status.problem.empty()) return false;
  const std::unique_ptr<UserConnection> connection = backend_.handles.at(0).open(url_);
  for (const std::string& sql : backend_.emptied_sql) connection->execute(sql);
  return true;
}

std::string Conformance::make_scratch() {
  std::string made = backend_.create(test_name());
  scratches_.push_back(made);
  return made;
}

const std::string& Conformance::url() {
  if (url_.empty()) url_ = make_scratch();
  return url_;
}

Database& Conformance::handle() {
  if (!db_) db_.emplace(open(url()));
  return *db_;
}

Database& Conformance::blank() {
  own_ = true;
  return handle();
}

Database& Conformance::db() {
  if (!migrated_) {
    if (url_.empty()) {
      url_ = scratch_left(GetParam().name);
      if (!url_.empty()) scratches_.push_back(url_);
    }
    handle().migrate();
    migrated_ = true;
  }
  return *db_;
}

Database Conformance::another() {
  Database& first = db();
  return capabilities_.shared_storage ? open(url_) : first;
}

std::string Conformance::scratch() { return make_scratch(); }

Database Conformance::open(const std::string& url, DatabaseOptions options) const {
  if (!options.clock) options.clock = clock_;
  return backend_.open ? backend_.open(url, std::move(options)) : backend::open(url, std::move(options));
}

void Conformance::use_system_clock() {
  clock_ = system_clock();
  db_.reset();
  migrated_ = false;
}

JobId Conformance::enqueue_kind(const std::string& kind, EnqueueOptions options) {
  return client().enqueue(NewJob{.kind = kind, .options = std::move(options)}).id;
}

std::vector<Job> Conformance::claim(std::size_t n, const std::vector<std::string>& queues,
                                    const std::vector<std::string>& kinds) {
  return client().claim(queues, ClaimFilter{kinds}, n);
}

Job Conformance::take(const std::vector<std::string>& queues) {
  std::vector<Job> jobs = claim(1, queues);
  if (jobs.size() != 1) throw std::runtime_error("there was no job to claim");
  return std::move(jobs.front());
}

Job Conformance::row(JobId id) {
  std::optional<Job> job = client().find(id);
  if (!job) throw std::runtime_error("there is no job " + id.to_string());
  return *std::move(job);
}

bool Conformance::reaches(JobId id, JobState wanted) {
  return eventually([&] { return state(id) == wanted; });
}

std::vector<Cause> Conformance::causes(JobId id) {
  std::vector<Cause> found;
  for (const AttemptRecord& record : admin().history(id)) found.push_back(record.cause);
  return found;
}

std::uint64_t Conformance::held(const std::string& queue) {
  const JobCounts counts = admin().counts(queue);
  return counts.at(JobState::running).value + counts.at(JobState::cancelling).value;
}

void Conformance::for_each_handle(const std::function<void(UserConnection&)>& body) {
  ASSERT_FALSE(backend_.handles.empty()) << "borrowed_transactions is declared, but no handle to borrow is offered";
  static_cast<void>(db());
  for (const Handle& handle : backend_.handles) {
    SCOPED_TRACE("handle: " + handle.name);
    const std::unique_ptr<UserConnection> connection = handle.open(url_);
    connection->execute("CREATE TABLE user_rows (n INTEGER)");
    body(*connection);
    connection->execute("DROP TABLE user_rows");
  }
}

std::unique_ptr<UserConnection> Conformance::user() {
  own_ = true;
  if (backend_.handles.empty()) {
    throw std::runtime_error("borrowed_transactions is declared, but no handle to borrow is offered");
  }
  return backend_.handles.front().open(url());
}

void in_threads(int n, const std::function<void(int)>& body) {
  std::latch start{n};
  std::vector<sqlq::jthread> threads;
  threads.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    threads.emplace_back([&start, &body, i] {
      start.arrive_and_wait();
      try {
        body(i);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "thread " << i << " threw: " << error.what();
      }
    });
  }
}

Moment::Moment() : signal_(system_clock()->make_signal()) {}

void Moment::happen() noexcept {
  happened_ = true;
  signal_->notify();
}

bool Moment::wait(Duration at_most) {
  const SteadyPoint deadline = system_clock()->steady() + at_most;
  while (!happened_ && signal_->wait_until(deadline)) {
  }
  return happened_;
}

bool eventually(const std::function<bool()>& question) {
  const std::shared_ptr<Clock> clock = system_clock();
  const std::unique_ptr<Signal> signal = clock->make_signal();
  const SteadyPoint deadline = clock->steady() + std::chrono::seconds(20);
  while (!question()) {
    if (clock->steady() > deadline) return false;
    signal->wait_until(clock->steady() + std::chrono::milliseconds(1));
  }
  return true;
}

std::uint64_t random_seed() {
  const char* wanted = std::getenv("SQLQ_CONFORMANCE_SEED");  // NOLINT(concurrency-mt-unsafe): nobody sets it here
  return wanted != nullptr ? std::stoull(wanted) : std::random_device{}();
}

std::vector<JobId> ids_of(const std::vector<Job>& jobs) {
  std::vector<JobId> ids;
  for (const Job& job : jobs) ids.push_back(job.id);
  return ids;
}

std::string json_of(std::size_t bytes) { return '"' + std::string(bytes - 2, 'x') + '"'; }

}  // namespace sqlq::conformance
