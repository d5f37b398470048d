// Rows about what happens again and again: compare and set, and the jobs that come with it, in one transaction.

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>

#include <sqlq/conformance/suite.hpp>

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;
using backend::EnqueueItem, backend::PeriodicChange, backend::PeriodicOutcome, backend::PeriodicRow;

/// Texts live as long as the test.
EnqueueItem item(JobId id, std::string_view key = {}) {
  EnqueueItem made{.id = id, .queue = "ticks", .kind = "tick", .params = "null"};
  if (!key.empty()) made.unique_key = key;
  made.keepalive = 30s;
  return made;
}

std::vector<bool> applied(const std::vector<PeriodicOutcome>& outcomes) {
  std::vector<bool> result;
  for (const PeriodicOutcome& o : outcomes) result.push_back(o.applied);
  return result;
}

std::vector<std::string> names_of(const std::vector<PeriodicRow>& rows) {
  std::vector<std::string> result;
  for (const PeriodicRow& row : rows) result.push_back(row.name);
  return result;
}

using Texts = std::vector<std::string>;
using Applied = std::vector<bool>;

}  // namespace

TEST_P(Periodic, IsThereWhenItIsDeclared) { EXPECT_EQ(dialect().periodic() != nullptr, capabilities().periodic); }

TEST_P(Periodic, ARowIsMadeOnceAndChangedByWhoReadItLast) {
  SQLQ_NEEDS(periodic);
  backend::Periodic& part = *dialect().periodic();
  const backend::Now now = clock().instant();
  const TimePoint later = clock().now() + 1h;
  const PeriodicChange make{.name = "a", .next = later, .definition = R"({"d":1})", .state = R"({"s":1})"};
  EXPECT_EQ(applied(part.periodic_change({&make, 1}, now)), Applied{true});
  EXPECT_EQ(applied(part.periodic_change({&make, 1}, now)), Applied{false}) << "it is there: a replay";
  const PeriodicRow first = part.periodic_get(Texts{"a"}).at(0).value();
  EXPECT_EQ(first.name, "a");
  EXPECT_EQ(first.next, later);
  EXPECT_EQ(first.definition, R"({"d":1})");
  EXPECT_EQ(first.state, R"({"s":1})");
  EXPECT_GT(first.version, 0);

  const PeriodicChange change{.name = "a", .expected = first.version, .definition = "{}", .state = R"({"s":2})"};
  EXPECT_EQ(applied(part.periodic_change({&change, 1}, now)), Applied{true});
  EXPECT_EQ(applied(part.periodic_change({&change, 1}, now)), Applied{false}) << "a replay";
  const PeriodicRow second = part.periodic_get(Texts{"a"}).at(0).value();
  EXPECT_GT(second.version, first.version);
  EXPECT_FALSE(second.next);
  EXPECT_EQ(second.definition, "{}");
  EXPECT_EQ(second.state, R"({"s":2})");

  const PeriodicChange late{.name = "a", .expected = first.version, .remove = true};
  EXPECT_EQ(applied(part.periodic_change({&late, 1}, now)), Applied{false});
  const PeriodicChange gone{.name = "a", .expected = second.version, .remove = true};
  EXPECT_EQ(applied(part.periodic_change({&gone, 1}, now)), Applied{true});
  EXPECT_EQ(applied(part.periodic_change({&gone, 1}, now)), Applied{false});
  EXPECT_FALSE(part.periodic_get(Texts{"a"}).at(0));
}

TEST_P(Periodic, ChangesOfOneCallAreAnsweredSingly) {
  SQLQ_NEEDS(periodic);
  backend::Periodic& part = *dialect().periodic();
  const backend::Now now = clock().instant();
  const JobId with_b = JobId::make(clock().now()), with_x = JobId::make(clock().now());
  const EnqueueItem of_b = item(with_b), of_x = item(with_x);
  const std::vector<PeriodicChange> made{
      {.name = "c", .definition = "{}", .state = "{}"},
      {.name = "x", .expected = 7, .definition = "{}", .state = "{}", .jobs = {&of_x, 1}},
      {.name = "b", .definition = "{}", .state = "{}", .jobs = {&of_b, 1}},
      {.name = "y", .expected = 1, .remove = true},
  };
  const std::vector<PeriodicOutcome> outcomes = part.periodic_change(made, now);
  EXPECT_EQ(applied(outcomes), (Applied{true, false, true, false}));
  ASSERT_EQ(outcomes[2].jobs.size(), 1U);
  EXPECT_EQ(outcomes[2].jobs[0].id, with_b);
  EXPECT_TRUE(outcomes[2].jobs[0].inserted());
  EXPECT_TRUE(outcomes[1].jobs.empty());
  EXPECT_EQ(state(with_b), JobState::pending);
  EXPECT_FALSE(client().find(with_x)) << "its change was not made";
  EXPECT_EQ(names_of(part.periodic_list("", 10)), (Texts{"b", "c"}));
  EXPECT_EQ(row(with_b).queue, "ticks");
}

TEST_P(Periodic, AJobWhoseUniqueKeyIsTakenIsAnAnswer) {
  SQLQ_NEEDS(periodic);
  backend::Periodic& part = *dialect().periodic();
  const JobId holder = enqueue({.unique_key = "taken"});
  const EnqueueItem second = item(JobId::make(clock().now()), "taken");
  const PeriodicChange change{.name = "a", .definition = "{}", .state = "{}", .jobs = {&second, 1}};
  const std::vector<PeriodicOutcome> outcomes = part.periodic_change({&change, 1}, clock().instant());
  ASSERT_TRUE(outcomes.at(0).applied);
  EXPECT_EQ(outcomes[0].jobs.at(0).id, holder);
  EXPECT_EQ(outcomes[0].jobs.at(0).status, EnqueueStatus::existing_key);
  EXPECT_FALSE(client().find(second.id));
}

TEST_P(Periodic, OnlyWhatIsDueIsAnsweredInOrder) {
  SQLQ_NEEDS(periodic);
  backend::Periodic& part = *dialect().periodic();
  const TimePoint t = clock().now();
  EXPECT_TRUE(part.periodic_due(10, clock().instant()).rows.empty());
  EXPECT_FALSE(part.periodic_due(10, clock().instant()).next);
  const std::vector<PeriodicChange> made{
      {.name = "now", .next = t, .definition = "{}", .state = "{}"},
      {.name = "soon", .next = t + 1us, .definition = "{}", .state = "{}"},
      {.name = "past2", .next = t - 1h, .definition = "{}", .state = "{}"},
      {.name = "past1", .next = t - 1h, .definition = "{}", .state = "{}"},
      {.name = "never", .definition = "{}", .state = "{}"},
      {.name = "later", .next = t + 1h, .definition = "{}", .state = "{}"},
  };
  ASSERT_EQ(applied(part.periodic_change(made, clock().instant())), Applied(made.size(), true));
  backend::PeriodicDue due = part.periodic_due(10, clock().instant());
  EXPECT_EQ(names_of(due.rows), (Texts{"past1", "past2", "now"}));
  EXPECT_EQ(due.next, t + 1us);
  EXPECT_EQ(due.now, t);
  due = part.periodic_due(2, clock().instant());
  EXPECT_EQ(names_of(due.rows), (Texts{"past1", "past2"}));
  EXPECT_EQ(due.next, t) << "the first that was left out";
  clock().advance(1us);
  due = part.periodic_due(10, clock().instant());
  EXPECT_EQ(names_of(due.rows), (Texts{"past1", "past2", "now", "soon"}));
  EXPECT_EQ(due.next, t + 1h);
}

TEST_P(Periodic, ListsAreInOrderOfBytesAndPaged) {
  SQLQ_NEEDS(periodic);
  backend::Periodic& part = *dialect().periodic();
  const Texts names{"B", "a", "b", "b ", "\xC3\xA4", "z"};
  std::vector<PeriodicChange> made;
  for (const std::string& name : names) made.push_back({.name = name, .definition = "{}", .state = "{}"});
  std::ranges::reverse(made);
  ASSERT_EQ(applied(part.periodic_change(made, clock().instant())), Applied(made.size(), true));
  Texts sorted = names;
  std::ranges::sort(sorted);
  Texts read;
  for (std::string after;;) {
    const std::vector<PeriodicRow> page = part.periodic_list(after, 2);
    if (page.empty()) break;
    EXPECT_LE(page.size(), 2U);
    for (const PeriodicRow& row : page) read.push_back(row.name);
    after = read.back();
  }
  EXPECT_EQ(read, sorted);
  const auto some = part.periodic_get(Texts{"z", "no", "a", "z"});
  ASSERT_EQ(some.size(), 4U);
  EXPECT_EQ(some[0]->name, "z");
  EXPECT_FALSE(some[1]);
  EXPECT_EQ(some[2]->name, "a");
  EXPECT_EQ(some[3]->name, "z");
}

TEST_P(Periodic, OfManyCallersOneFiresEachTick) {
  SQLQ_NEEDS(periodic);
  constexpr int callers = 6, ticks = 15;
  const PeriodicChange make{.name = "race", .definition = "{}", .state = "{}"};
  ASSERT_TRUE(dialect().periodic()->periodic_change({&make, 1}, clock().instant()).at(0).applied);
  std::vector<Database> handles;
  for (int i = 0; i < callers; ++i) handles.push_back(another());
  std::mutex mutex;
  std::set<JobId> stored;
  std::atomic<int> fired{0};
  const TimePoint t = clock().now();
  in_threads(callers, [&](int me) {
    backend::Dialect& mine = handles[static_cast<std::size_t>(me)].ready();
    while (fired < ticks) {
      const PeriodicRow row = mine.periodic()->periodic_get(Texts{"race"}).at(0).value();
      const JobId id = JobId::make(t);
      const EnqueueItem job = item(id);
      const PeriodicChange change{
          .name = "race", .expected = row.version, .definition = "{}", .state = "{}", .jobs = {&job, 1}};
      if (!mine.periodic()->periodic_change({&change, 1}, clock().instant()).at(0).applied) continue;
      ++fired;
      const std::lock_guard lock(mutex);
      stored.insert(id);
    }
  });
  const std::vector<Job> jobs = admin().list({.kinds = {"tick"}}, {.limit = 1000});
  EXPECT_EQ(jobs.size(), stored.size());
  for (const Job& job : jobs) EXPECT_TRUE(stored.contains(job.id));
  EXPECT_EQ(static_cast<int>(stored.size()), fired.load());
}

TEST_P(Periodic, OverlappingCallsInAnyOrderEnd) {
  SQLQ_NEEDS(periodic);
  constexpr int rows = 20;
  Texts names;
  for (int i = 0; i < rows; ++i) names.push_back("row" + std::to_string(i));
  std::vector<PeriodicChange> made;
  for (const std::string& name : names) made.push_back({.name = name, .definition = "{}", .state = "{}"});
  ASSERT_EQ(applied(dialect().periodic()->periodic_change(made, clock().instant())), Applied(rows, true));
  std::vector<Database> handles;
  for (int i = 0; i < 4; ++i) handles.push_back(another());
  std::atomic<int> won{0};
  in_threads(4, [&](int me) {
    backend::Dialect& mine = handles[static_cast<std::size_t>(me)].ready();
    for (int round = 0; round < 10; ++round) {
      Texts order = names;
      std::rotate(order.begin(), order.begin() + (me * 5 + round) % rows, order.end());
      if (me % 2 == 1) std::ranges::reverse(order);
      const auto read = mine.periodic()->periodic_get(order);
      std::vector<PeriodicChange> changes;
      for (const auto& row : read) {
        changes.push_back({.name = row->name, .expected = row->version, .definition = "{}", .state = "{}"});
      }
      for (const PeriodicOutcome& outcome : mine.periodic()->periodic_change(changes, clock().instant())) {
        won += outcome.applied ? 1 : 0;
      }
    }
  });
  std::int64_t versions = 0;
  for (const auto& row : dialect().periodic()->periodic_get(names)) versions += row->version - 1;
  EXPECT_GE(won, rows);
  EXPECT_GE(versions, won) << "each applied change has made its row's version grow";
}

TEST_P(Periodic, TeardownTakesTheRowsAndAnotherStartIsEmpty) {
  SQLQ_NEEDS(periodic);
  const PeriodicChange make{.name = "a", .definition = "{}", .state = "{}"};
  ASSERT_TRUE(dialect().periodic()->periodic_change({&make, 1}, clock().instant()).at(0).applied);
  Migrator{db()}.teardown();
  EXPECT_EQ(code_of([&] { return dialect().periodic()->periodic_list("", 1); }), "schema");
  db().migrate();
  EXPECT_TRUE(dialect().periodic()->periodic_list("", 1).empty());
}

}  // namespace sqlq::conformance
