// Jobs of all sorts on their way from a file to each server and back, and through all of them: nothing is lost, nothing
// changes, and what arrives lives on as it would have where it came from.

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include <sqlq/backend/dialect.hpp>

#include "process/place.hpp"

namespace sqlq::process {
namespace {

using namespace std::chrono_literals;
using backend::StoredJob;

constexpr std::array states{JobState::pending, JobState::scheduled, JobState::waiting,
                            JobState::success, JobState::errored,   JobState::cancelled};

/// Letters of one to four bytes, and what needs an escape somewhere.
const std::string odd = "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 'quote' \"two\" \\ back \b\t\n\x1B[0m \x7F \xC2\x85 %_";

void add_lines(StoredJob& stored, int i, TimePoint now) {
  const Job& job = stored.job;
  for (int n = 1; n <= job.claims; ++n) {
    const auto cause = static_cast<Cause>(1 + (i + n) % static_cast<int>(Cause::outage));
    stored.history.push_back({.claim = n, .attempt = n, .cause = cause, .at = now - 1h, .worker = job.worker,
                              .message = i % 70 == 1 ? std::string(65'536, 'x') : odd});
    for (int line = 1; line <= i % 4; ++line) {
      stored.log.push_back({.job = job.id, .claim = n, .attempt = n, .number = line, .at = now - 30min,
                            .level = static_cast<LogLevel>(1 + line % 4), .text = odd + std::to_string(line)});
    }
  }
}

/// Headers and durable steps.
void add_more(StoredJob& stored, int i, TimePoint now, const backend::Capabilities& can) {
  if (can.headers && i % 4 == 1) {
    stored.job.headers = {{"traceparent", "00-" + std::to_string(i)}, {"\xE2\x82\xAC \"", "' \\ %_"}};
  }
  if (!can.steps || i % 6 != 2) return;
  for (int n = 1; n <= 1 + i % 7; ++n) {
    StepRecord& step = stored.steps.emplace_back();
    step.kind = static_cast<StepKind>(1 + (i + n) % static_cast<int>(StepKind::children));
    step.name = "step '\xC3\xA9 " + std::to_string(n % 2);
    step.number = n * (i % 2 == 0 ? 1 : -1);
    step.claim = stored.job.claims;
    step.at = now - 1h + Duration(n);
    if (n % 3 == 0) step.until = now + 1000h + Duration(n);
    if (n % 3 != 1) step.value = "{\"n\": " + std::to_string(n) + ".0}";
  }
}

/// The how manyth of a mixture: each field takes values of its own.
StoredJob mixed(int i, TimePoint now) {
  StoredJob stored;
  Job& job = stored.job;
  job.id = JobId::make(now);
  job.queue = i % 3 == 0 ? "mail" : "queue " + std::to_string(i % 5) + " \xC3\xBC";
  job.kind = "kind " + std::to_string(i % 4);
  job.state = states[static_cast<std::size_t>(i) % states.size()];
  job.priority = i % 11 - 5;
  job.params = i % 2 == 0 ? "{\"n\":" + std::to_string(i) + ",  \"big\":12345678901234567890, \"f\":1.10}"
                          : "\"\xF0\x9F\x98\x80 \\ud83d\\ude00 \\\\ ' \"";
  if (i % 3 == 1) job.result = "[" + std::to_string(i) + ", \"\xE2\x82\xAC\"]";
  if (i % 4 == 0) job.unique_key = "key " + std::to_string(i) + " \xC3\xA9";
  job.claims = i % 5;
  job.max_attempts = 25 + i % 3;
  job.attempt = static_cast<int>(job.claims);
  job.max_crashes = 3;
  job.crashes = i % 5 >= 3 ? i % 3 : 0;  // some are suspects
  if (job.claims > 0) {
    job.worker = "worker " + std::to_string(i % 6) + " \xC3\xA9";
    job.started_at = now - 2h;
    job.heartbeat_at = now - 1h;
  }
  job.keepalive = 30s;
  job.timeout = i % 2 == 0 ? Duration(0) : Duration(5min);
  if (i % 3 == 2) job.retention = i % 6 == 5 ? Duration(1min) : Duration(24h * 365);
  job.created_at = now - 5h - Duration(i);
  job.queued_at = now - 4h;
  job.run_at = job.state == JobState::scheduled ? now + 1000h + Duration(i) : now - 4h + Duration(i % 17);
  if (is_finished(job.state)) job.finished_at = now - 1h;
  add_lines(stored, i, now);
  return stored;
}

void fill(const Database& db) {
  constexpr int all = 420;
  const TimePoint now = db.clock().now();
  Admin admin{db};
  admin.create_queue("mail", {.description = odd, .concurrency = 1000, .priority = -7});
  admin.create_queue("empty", {.concurrency = 0});
  admin.pause("empty");
  std::vector<StoredJob> jobs;
  for (int i = 0; i < all; ++i) add_more(jobs.emplace_back(mixed(i, now)), i, now, db.dialect().capabilities());
  for (const backend::StoreStatus s : db.ready().transfer()->store_jobs(jobs, {})) {
    ASSERT_EQ(s, backend::StoreStatus::stored);
  }
  // What the library itself makes of jobs.
  Client client{db};
  const auto lived = [&](const std::string& what) {
    client.enqueue(NewJob{.kind = "lived", .params = "\"" + what + "\"", .options = {.queue = "lived"}});
    return client.claim_one("lived").value();
  };
  client.success(lived("success"), "{\"done\":true}");
  client.error(lived("retried"), odd);
  client.error(lived("discarded"), odd, {.discard = true});
  client.snooze(lived("snoozed"), 1000h);
  client.cancelled(lived("cancelled"));
}

std::string text_of(const Database& db) {
  std::ostringstream out;
  export_jobs(db, out);
  return out.str();
}

/// By copy, and once more: nothing is left to do.
void move_on(const Database& from, const Database& to) {
  const TransferReport report = copy_jobs(from, to);
  EXPECT_EQ(report.stored, report.jobs);
  EXPECT_TRUE(report.problems.empty()) << report.problems[0].why;
  EXPECT_EQ(sum_of_jobs(to), sum_of_jobs(from));
  EXPECT_EQ(sum_of_jobs(to).checksum, report.checksum);
  const TransferReport again = copy_jobs(from, to);
  EXPECT_EQ(again.existing, again.jobs);
}

/// What is claimed and in which order, and how many finished jobs are past their retention.
std::string life_of(const Database& db) {
  Client client{db};
  std::string life;
  for (const Job& job : client.claim({}, {}, 1000)) life += job.id.to_string() + "\n";
  const auto waiting = Admin{db}.list({.states = {JobState::waiting}});
  EXPECT_FALSE(waiting.empty());
  for (const Job& job : waiting) EXPECT_EQ(client.cancel(job.id), CancelStatus::cancelled);
  int requeued = 0;
  for (const Job& job : Admin{db}.list({.states = {JobState::errored}})) {
    requeued += Admin{db}.requeue(job.id) == RequeueStatus::requeued ? 1 : 0;
  }
  EXPECT_GT(requeued, 0);
  const std::size_t purged = Admin{db}.purge().deleted;
  EXPECT_GT(purged, 0U);
  return life + "requeued " + std::to_string(requeued) + ", purged " + std::to_string(purged);
}

class Transfer : public Anywhere {
 protected:
  [[nodiscard]] Database made(const std::string& address) const {
    Database db = open(address);
    db.migrate();
    return db;
  }
};

TEST_P(Transfer, ThereAndBackNothingChanges) {
  const Database first = made("sqlite://" + path("first.db"));
  fill(first);
  const std::string text = text_of(first);
  const Database there = made(url());
  move_on(first, there);
  EXPECT_EQ(text_of(there), text);
  const Database back = made("sqlite://" + path("back.db"));
  std::istringstream in(text_of(there));
  EXPECT_EQ(import_jobs(in, back).stored, 425U);
  EXPECT_EQ(text_of(back), text);
  const std::string life = life_of(first);
  EXPECT_EQ(life_of(there), life);
  EXPECT_EQ(life_of(back), life);
}

TEST_P(Transfer, AJobWhoseKeyIsTakenIsAConflictUntilItIsFree) {
  const Database first = made("sqlite://" + path("first.db"));
  const Database there = made(url());
  const NewJob keyed{.kind = "work", .options = {.unique_key = "order"}};
  const JobId mine = Client{first}.enqueue(keyed).id;
  const JobId theirs = Client{there}.enqueue(keyed).id;
  EXPECT_EQ(copy_jobs(first, there).conflicts, 1U);
  EXPECT_EQ(Client{there}.cancel(theirs), CancelStatus::cancelled);
  EXPECT_EQ(copy_jobs(first, there).stored, 1U);
  EXPECT_EQ(Client{there}.enqueue(keyed).id, mine) << "it has the key now";
}

SQLQ_PLACES(Transfer, SQLQ_EVERYWHERE);

class TransferChain : public Scratch {};

TEST_F(TransferChain, ThroughAllDatabasesAndBack) {
  std::vector<Database> all{open("sqlite://" + path("first.db"))};
  const std::string name = "chain" + std::to_string(::getpid()) + "_";
  for (const Place& place : {SQLQ_ALL_SERVERS}) all.push_back(open(place.server_url(name)));
  all.push_back(open("sqlite://" + path("last.db")));
  for (const Database& db : all) db.migrate();
  fill(all.front());
  const std::string text = text_of(all.front());
  for (std::size_t i = 1; i < all.size(); ++i) {
    move_on(all[i - 1], all[i]);
    EXPECT_EQ(text_of(all[i]), text) << all[i].description();
  }
  if (HasFailure()) return;
  for (std::size_t i = 1; i + 1 < all.size(); ++i) Migrator{all[i]}.teardown();
}

}  // namespace
}  // namespace sqlq::process
