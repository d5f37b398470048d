// Migrations as written for every SQL database: what the scripts say of themselves, the order of the steps, and steps
// that run outside of a transaction and are interrupted anywhere.

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>

#include "sql/migrations.hpp"
#include "sql/work.hpp"

namespace sqlq::sql {
namespace {

using backend::Direction;

const Catalogue& books() {
  static const auto& instance = *new Catalogue(R"(
-- name: migrations_exist
-- returns: n int
SELECT 1

-- name: jobs_exist
-- returns: n int
SELECT 1

-- name: migrations_any
-- returns: n int
SELECT 1

-- name: migrations_make
CREATE

-- name: migrations
-- returns: version int, name text, checksum text, applied int, compatible_from int?
SELECT

-- name: migration_add
-- params: version int, name text, checksum text, now int?
INSERT :version :name :checksum :now

-- name: migration_compatible
-- params: version int, compatible_from int
UPDATE :version :compatible_from

-- name: migration_remove
-- params: version int
DELETE :version
)");
  return instance;
}

/// A row of numbers and texts.
class Values final : public Row {
 public:
  explicit Values(std::vector<std::string> values) : values_(std::move(values)) {}
  bool null(std::size_t column) const override { return values_.at(column).empty(); }
  std::int64_t integer(std::size_t column) const override { return std::stoll(values_.at(column)); }
  std::string_view text(std::size_t column) const override { return values_.at(column); }

 private:
  std::vector<std::string> values_;
};

/// A database of which only the record of the steps is there, and a list of what was run. A transaction that is not
/// committed leaves nothing.
class Killable final : public Connection {
 public:
  struct Killed : std::runtime_error {
    Killed() : std::runtime_error("killed") {}
  };

  Session& session() noexcept override { return session_; }
  void begin() override { happen("begin"), open_ = rows; }
  void begin_snapshot() override { begin(); }
  void commit() override { happen("commit"), rows = open_.value(), open_.reset(); }
  void rollback() noexcept override { open_.reset(); }
  void script(const std::string& text) override { happen(text); }
  bool usable() const noexcept override { return true; }

  void happen(const std::string& event) {
    if (left == 0) throw Killed();
    --left;
    events.push_back(event);
  }

  std::map<int, std::string> rows{};  ///< checksums by version
  std::vector<std::string> events{};
  int left = 1000;  ///< so many things happen, then it is killed

 private:
  class Books final : public Session {
   public:
    explicit Books(Killable& killable) : killable_(killable) {}

   protected:
    std::size_t do_execute(const Statement& statement, std::initializer_list<Arg> args, RowSink sink) override {
      auto& kept = killable_.open_ ? *killable_.open_ : killable_.rows;
      const auto number = [&] { return static_cast<int>(std::get<std::int64_t>(args.begin()->value)); };
      if (statement.name == "migrations") {
        for (const auto& [version, sum] : kept) sink(Values({std::to_string(version), "n", sum, "0", ""}));
        return kept.size();
      }
      if (!statement.columns.empty()) sink(Values({kept.empty() ? "0" : "1"}));
      if (statement.name == "migration_remove") kept.erase(number());
      if (statement.name != "migration_add") return 1;
      killable_.happen("recorded");
      kept[number()] = std::get<std::string_view>((args.begin() + 2)->value);
      return 1;
    }

   private:
    Killable& killable_;
  };

  Books session_{*this};
  std::optional<std::map<int, std::string>> open_{};
};

const std::vector<Migration>& steps() {
  static const auto& instance = *new std::vector<Migration>(read_migrations(std::vector<EmbeddedFile>{
      {"001_init.up.sql", "-- The tables.\nmake;\n"},
      {"001_init.down.sql", "drop;\n"},
      {"002_index.up.sql",
       "-- sqlq: no transaction\n-- sqlq: compatible from 1\nremove\n  it;\n\nmake it;\n-- Last.\nlook;\n"},
      {"002_index.down.sql", "-- Why.\n-- sqlq: no transaction\nremove it;\n"},
      {"003_more.up.sql", "-- sqlq: compatible from 2\nmore;\n"},
      {"003_more.down.sql", "less;\n"}}));
  return instance;
}

int run_inside(Killable& killable, Direction direction, int target) {
  MigrationStatus status = read_status(killable.session(), books(), steps());
  EXPECT_EQ(status.problem, "");
  return run_steps(killable.session(), books(), steps(), status, direction, target, {},
                   [&](const std::string& text) { killable.script(text); });
}

TEST(Migrations, ScriptsSayWhatTheyNeed) {
  EXPECT_TRUE(steps()[0].up_in_transaction);
  EXPECT_FALSE(steps()[1].up_in_transaction);
  EXPECT_FALSE(steps()[1].down_in_transaction);
  EXPECT_TRUE(steps()[2].up_in_transaction);
  EXPECT_EQ(steps()[0].compatible_from, 1);
  EXPECT_EQ(steps()[1].compatible_from, 1);
  EXPECT_EQ(steps()[2].compatible_from, 2);
}

TEST(Migrations, StopBeforeAStepThatHasNoTransaction) {
  Killable killable;
  EXPECT_EQ(next_outside(steps(), 0, Direction::up, 3), nullptr);
  EXPECT_EQ(run_inside(killable, Direction::up, 3), 1);
  EXPECT_EQ(next_outside(steps(), 1, Direction::up, 1), nullptr) << "the target is reached";
  ASSERT_NE(next_outside(steps(), 1, Direction::up, 3), nullptr);
  EXPECT_EQ(next_outside(steps(), 1, Direction::up, 3)->version, 2);
  killable.events.clear();
  EXPECT_EQ(run_outside(killable, books(), steps(), Direction::up, 3, {}), 1);
  EXPECT_EQ(killable.events,
            (std::vector<std::string>{"remove\n  it;\n", "make it;\n", "look;\n", "begin", "recorded", "commit"}));
  EXPECT_EQ(run_outside(killable, books(), steps(), Direction::up, 3, {}), 0) << "another may have run it meanwhile";
  EXPECT_EQ(run_inside(killable, Direction::up, 3), 1);
  EXPECT_EQ(killable.rows.size(), 3u);

  EXPECT_EQ(run_inside(killable, Direction::down, 0), 1);
  EXPECT_EQ(run_outside(killable, books(), steps(), Direction::down, 0, {}), 1);
  EXPECT_EQ(run_inside(killable, Direction::down, 0), 1);
  EXPECT_TRUE(killable.rows.empty());
}

TEST(Migrations, AStepWithoutATransactionIsRecordedAtItsEndOnly) {
  for (int after = 0; after < 6; ++after) {
    Killable killable;
    ASSERT_EQ(run_inside(killable, Direction::up, 3), 1);
    killable.left = after;
    EXPECT_THROW(run_outside(killable, books(), steps(), Direction::up, 3, {}), Killable::Killed) << after;
    EXPECT_EQ(killable.rows.size(), 1u) << after;
    killable.left = 1000;
    killable.events.clear();
    EXPECT_EQ(run_outside(killable, books(), steps(), Direction::up, 3, {}), 1);
    EXPECT_EQ(killable.events.size(), 6u) << "all of it once more";
    EXPECT_EQ(killable.rows.size(), 2u);
  }
}

}  // namespace
}  // namespace sqlq::sql
