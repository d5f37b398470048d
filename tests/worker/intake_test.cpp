// The service that makes jobs of the inbox: what one row that is refused or locked does to the others.

#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include <sqlq/testing/manual_clock.hpp>

#include "support/fake_dialect.hpp"
#include "worker/runtime.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using backend::InboxItem, backend::InboxRow;

/// A table of rows, and what became of each. It refuses jobs of kind "refused", and of "hopeless" errored ones, too.
class InboxDialect final : public FakeDialect {
 public:
  std::map<std::int64_t, InboxRow> rows{};
  std::set<std::int64_t> locked{};
  std::set<std::string> busy_keys{};  // that somebody is storing
  std::vector<std::string> stored{};  // kinds
  std::vector<std::string> errored{};
  std::map<std::int64_t, std::string> kept{};
  std::size_t looks = 0;

  void add(const std::string& kind, const std::string& key = {}) {
    InboxRow row{.number = static_cast<std::int64_t>(rows.size() + stored.size() + errored.size() + kept.size()) + 1};
    row.kind = kind;
    if (!key.empty()) row.unique_key = key;
    rows.emplace(row.number, row);
  }

  backend::Inbox* inbox() noexcept override { return this; }
  std::vector<InboxRow> inbox_rows(std::int64_t after, std::size_t limit, std::size_t) override {
    ++looks;
    std::vector<InboxRow> found;
    for (auto at = rows.upper_bound(after); at != rows.end() && found.size() < limit; ++at) found.push_back(at->second);
    return found;
  }
  std::vector<std::optional<Enqueued>> inbox_take(std::span<const InboxItem> items, backend::Now) override {
    for (const InboxItem& item : items) check(item);
    std::vector<std::optional<Enqueued>> answers(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (locked.contains(items[i].number) || rows.erase(items[i].number) == 0) continue;
      if (const auto* const job = std::get_if<backend::EnqueueItem>(&items[i].fate)) {
        stored.emplace_back(job->kind);
        answers[i] = {.id = job->id};
      } else if (const auto* const failed = std::get_if<const backend::StoredJob*>(&items[i].fate)) {
        errored.push_back((*failed)->job.kind);
        answers[i] = {.id = (*failed)->job.id};
      } else {
        kept.emplace(items[i].number, std::get<std::string_view>(items[i].fate));
      }
    }
    return answers;
  }

 private:
  void check(const InboxItem& item) const {
    if (const auto* const job = std::get_if<backend::EnqueueItem>(&item.fate)) {
      if (job->unique_key && busy_keys.contains(std::string(*job->unique_key))) throw Error(Errc::busy, "locked");
      if (job->kind == "refused" || job->kind == "hopeless") throw Error(Errc::refused, "a trigger raised an error");
    } else if (const auto* const failed = std::get_if<const backend::StoredJob*>(&item.fate)) {
      if ((*failed)->job.kind == "hopeless") throw Error(Errc::refused, "a trigger raised an error");
    }
  }
};

class IntakeOfOne : public ::testing::Test {
 protected:
  IntakeOfOne() : IntakeOfOne(std::make_unique<InboxDialect>()) {}

  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  InboxDialect& table;
  std::vector<WorkerEvent> events{};
  Database db;
  worker::Runtime runtime;

 private:
  explicit IntakeOfOne(std::unique_ptr<InboxDialect> made)
      : table(*made),
        db(std::move(made), {.clock = clock}),
        runtime(db, handlers(), {.on_event = [this](const WorkerEvent& event) { events.push_back(event); }}) {}
  static Handlers handlers() {
    Handlers table;
    table.on("work", [](JobContext&) { return Outcome::done(); });
    return table;
  }
};

TEST_F(IntakeOfOne, ARowThatIsRefusedHarmsNoOther) {
  for (const char* kind : {"work", "refused", "work", "hopeless", "work"}) table.add(kind);
  runtime.intake.step();
  EXPECT_EQ(table.stored, std::vector<std::string>(3, "work")) << "innocents";
  EXPECT_EQ(table.errored, std::vector<std::string>{"refused"});
  ASSERT_EQ(table.kept.size(), 1u);
  EXPECT_EQ(table.kept.begin()->first, 4);
  EXPECT_EQ(table.kept.begin()->second, "a trigger raised an error");
  EXPECT_TRUE(table.rows.empty());
}

TEST_F(IntakeOfOne, OneAloneThatIsRefusedIsErroredOrKept) {
  table.add("refused");
  runtime.intake.take_all();
  EXPECT_EQ(table.errored, std::vector<std::string>{"refused"});
  table.add("hopeless");
  runtime.intake.take_all();
  EXPECT_EQ(table.kept.size(), 1u);
  EXPECT_TRUE(table.rows.empty());
}

TEST_F(IntakeOfOne, ARowWhoseKeySomebodyIsStoringIsTriedMoreAndMoreRarely) {
  table.busy_keys = {"k"};
  table.add("work", "k");
  table.add("work", "free");
  table.add("work");
  runtime.intake.step();
  EXPECT_EQ(table.stored.size(), 2u) << "innocents";
  ASSERT_EQ(table.rows.size(), 1u);
  const std::size_t before = table.looks;
  for (int second = 0; second < 600; ++second) {
    clock->advance(1s);
    runtime.intake.step();
  }
  EXPECT_LE(table.looks - before, 600u / 8 + 20) << "as often as without it, and a few times more";
  table.busy_keys.clear();
  clock->advance(61s);
  runtime.intake.step();
  EXPECT_EQ(table.stored.size(), 3u);
}

TEST_F(IntakeOfOne, ALockedRowIsTakenWhenItIsFree) {
  table.add("work");
  table.add("work");
  table.locked = {1};
  runtime.intake.step();
  EXPECT_EQ(table.stored.size(), 1u);
  table.locked.clear();
  clock->advance(1s);
  runtime.intake.step();
  EXPECT_EQ(table.stored.size(), 2u);
}

}  // namespace
}  // namespace sqlq::testing
