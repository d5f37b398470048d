// What is answered of schedules when a commit was lost: by a runner that loses it, on rows in memory.

#include "sql/periodic.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include <sqlq/testing/manual_clock.hpp>

#include "fake_server.hpp"
#include "support/expect_error.hpp"

namespace sqlq::sql {
namespace {

using backend::PeriodicChange;

/// The statements that a change of one row takes; the row's name does not matter.
class PeriodicServer final : public FakeServer {
 public:
  using FakeServer::FakeServer;
  const Catalogue& queries() const noexcept override {
    static const auto& instance = *new Catalogue([] {
      std::string text;
      const std::string now = "\n-- params: now int\n", names = "\n-- params: names text\n", some = "SELECT :now\n";
      for (const char* name : {"periodic_first", "periodic_due", "periodic_next", "periodic_list", "periodic_get"}) {
        text += std::string("-- name: ") + name + now + some;
      }
      for (const char* name : {"periodic_versions", "periodic_lock"}) {
        text += std::string("-- name: ") + name + names + "-- returns: name text, version int, next int?\n" +
                "SELECT :names\n";
      }
      for (const char* name : {"periodic_add", "periodic_set", "periodic_remove"}) {
        text += std::string("-- name: ") + name + "\n-- params: rows text\nSELECT :rows\n";
      }
      return text;
    }());
    return instance;
  }
};

/// One row or none, in a transaction.
class OneRow final : public Session, public Connection {
 public:
  std::int64_t version = 0;  ///< 0: there is none
  bool locked = false;       ///< by somebody else

  void begin() override { before_ = version; }
  void begin_snapshot() override {}
  void commit() override {}
  void rollback() noexcept override { version = before_; }
  void script(const std::string&) override {}
  [[nodiscard]] bool usable() const noexcept override { return true; }
  Session& session() noexcept override { return *this; }

 protected:
  std::size_t do_execute(const Statement& s, std::initializer_list<Arg> args, RowSink sink) override {
    const std::string json(std::get<std::string_view>(args.begin()->value));
    if (s.name == "periodic_lock" || s.name == "periodic_versions") {
      if (version == 0 || (locked && s.name == "periodic_lock")) return 0;
      sink(Found(version));
      return 1;
    }
    if (s.name != "periodic_add" && number(json, "version") != version) return 0;
    version = s.name == "periodic_remove" ? 0 : number(json, "becomes");
    return 1;
  }

 private:
  class Found final : public Row {
   public:
    explicit Found(std::int64_t version) : version_(version) {}
    [[nodiscard]] bool null(std::size_t column) const override { return column == 2; }
    [[nodiscard]] std::int64_t integer(std::size_t) const override { return version_; }
    [[nodiscard]] std::string_view text(std::size_t) const override { return "row"; }

   private:
    std::int64_t version_;
  };
  static std::int64_t number(const std::string& json, const std::string& field) {
    return std::stoll(json.substr(json.find('"' + field + "\":") + field.size() + 3));
  }
  std::int64_t before_ = 0;
};

/// Loses the first commit, done or not, and tries again; `meanwhile` happens between.
class LosingRunner final : public Runner {
 public:
  OneRow row;
  bool done = true;
  std::function<void()> meanwhile = [] {};

  void write(Task, const backend::Now& now, Operation operation, core::FunctionRef<void()> unknown) override {
    try_once(now, operation);
    if (!done) row.rollback();
    unknown();
    meanwhile();
    for (;;) {
      try {
        return try_once(now, operation);
      } catch (const Error& e) {
        if (e.code() != Errc::retry_transaction) throw;
      }
    }
  }
  [[nodiscard]] const backend::Capabilities& capabilities() const noexcept override { return able_; }
  [[nodiscard]] std::string description() const override { return "losing"; }
  [[nodiscard]] std::vector<Finding> self_check() override { return {}; }
  void within(const Tx&, const backend::Now&, Operation) override {}
  void read(core::FunctionRef<void(Session&)>, Statements) override {}
  void change_schema(core::FunctionRef<void(Connection&)>) override {}
  [[nodiscard]] const core::LockWatch& lock_watch() const noexcept override { return watch_; }

 private:
  void try_once(const backend::Now& now, Operation operation) {
    Work work(row, now, &row);
    operation(work);
  }
  const backend::Capabilities able_{};
  const core::LockWatch watch_{std::make_shared<testing::ManualClock>()};
};

class LostCommit : public ::testing::Test {
 protected:
  [[nodiscard]] bool change(std::int64_t expected, bool remove = false) {
    const PeriodicChange one{.name = "row", .expected = expected, .remove = remove, .definition = "{}", .state = "{}"};
    return periodic_->periodic_change({&one, 1}, {}).at(0).applied;
  }

  Script script_{};
  PeriodicServer server_{script_};
  LosingRunner runner_{};
  const std::unique_ptr<backend::Periodic> periodic_ = make_periodic(
      server_, runner_, {.with_lanes = [](auto, const auto&, auto change) { change(); }, .tell = [](auto) {}});
};

TEST_F(LostCommit, ThatWasDoneIsKnownByItsVersion) {
  EXPECT_TRUE(change(0)) << "added";
  const std::int64_t added = runner_.row.version;
  EXPECT_TRUE(change(added)) << "set";
  EXPECT_GT(runner_.row.version, added);
  EXPECT_TRUE(change(runner_.row.version, true)) << "removed";
  EXPECT_EQ(runner_.row.version, 0);
}

TEST_F(LostCommit, ThatWasNotDoneIsDoneByTheNextTry) {
  runner_.done = false;
  EXPECT_TRUE(change(0));
  const std::int64_t added = runner_.row.version;
  EXPECT_TRUE(change(added));
  EXPECT_GT(runner_.row.version, added);
  EXPECT_TRUE(change(runner_.row.version, true));
  EXPECT_EQ(runner_.row.version, 0);
}

TEST_F(LostCommit, BeforeAnothersChangeIsUnknown) {
  runner_.row.version = 7;
  runner_.meanwhile = [&] { ++runner_.row.version; };
  testing::expect_error(Errc::outcome_unknown, "read them again", [&] { static_cast<void>(change(7)); });
}

TEST_F(LostCommit, ThatMayBeAtWorkStillIsUnknown) {
  runner_.row.version = 7;
  runner_.done = false;
  runner_.meanwhile = [&] { runner_.row.locked = true; };
  testing::expect_error(Errc::outcome_unknown, "read them again", [&] { static_cast<void>(change(7)); });
}

TEST_F(LostCommit, OfAStaleChangeIsNoDoubt) {
  runner_.row.version = 8;
  EXPECT_FALSE(change(7));
  EXPECT_EQ(runner_.row.version, 8);
}

}  // namespace
}  // namespace sqlq::sql
