#pragma once
/// \file
/// Rows of schedules on a database where others hold locks and change the same rows at the same time.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <latch>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/dialect.hpp>
#include <sqlq/client.hpp>
#include <sqlq/database.hpp>

#include "support/expect_error.hpp"

namespace sqlq::testing {

class PeriodicChecks {
 public:
  /// The database is migrated.
  explicit PeriodicChecks(Database db) : db_(std::move(db)) {}

  /// `hold` locks the row `locked`, or more, on another connection; `let_go` gives the lock back.
  void a_locked_row_harms_no_other(const std::function<void()>& hold, const std::function<void()>& let_go) {
    const std::vector<std::string> names{"before", "locked", "zzz"};
    for (const std::string& name : names) add(name);
    const Client client(db_);
    hold();
    int harmed = 0;
    const auto due = rows().periodic_due(10, {});
    EXPECT_EQ(due.rows.size(), names.size()) << "reading waits for nobody";
    EXPECT_EQ(rows().periodic_list({}, 10).size(), names.size());
    EXPECT_EQ(rows().periodic_get(names).size(), names.size());
    std::vector<backend::EnqueueItem> jobs(names.size());
    std::vector<backend::PeriodicChange> changes;
    for (std::size_t i = 0; i < names.size(); ++i) {
      jobs[i] = job();
      changes.push_back(change(due.rows[i], {&jobs[i], 1}));
    }
    const auto outcomes = rows().periodic_change(changes, {});
    for (std::size_t i = 0; i < names.size(); ++i) {
      const bool locked = due.rows[i].name == "locked";
      harmed += outcomes[i].applied == locked ? 1 : 0;
      EXPECT_EQ(client.find(jobs[i].id).has_value(), !locked) << names[i];
    }
    EXPECT_EQ(harmed, 0);
    const std::vector<backend::PeriodicChange> alone{changes[index_of(due, "locked")]};
    EXPECT_FALSE(rows().periodic_change(alone, {}).at(0).applied);
    Client plain(db_);
    plain.enqueue(NewJob{.kind = "plain"});
    const auto claimed = plain.claim({}, {.kinds = {"plain"}});
    ASSERT_EQ(claimed.size(), 1U);
    EXPECT_EQ(plain.success(claimed[0]), FinishStatus::applied);
    let_go();
    EXPECT_TRUE(rows().periodic_change(alone, {}).at(0).applied);
    EXPECT_EQ(Admin(db_).counts().at(JobState::pending).value, names.size());
  }

  /// Threads that change the same rows in opposite orders, and remove and add them: none waits for another for ever,
  /// and each version is changed once.
  void crossing_changes_are_made_once() {
    constexpr int threads = 6, rounds = 15;
    const std::vector<std::string> names{"a", "b", "c"};
    std::atomic<int> applied{0}, failed{0};
    std::latch begin{threads};
    const auto run = [&](int number) {
      begin.arrive_and_wait();
      for (int round = 0; round < rounds; ++round) {
        try {
          applied += change_all(names, number % 2 == 1, (number + round) % 3 == 0);
        } catch (const Error& e) {
          if (e.code() == Errc::retry_transaction) continue;  // others came first too often: nothing was done
          ++failed;
          ADD_FAILURE() << e.what();
        }
      }
    };
    std::vector<std::thread> all;
    for (int i = 0; i < threads; ++i) all.emplace_back(run, i);
    for (std::thread& thread : all) thread.join();
    EXPECT_EQ(failed, 0);
    EXPECT_GT(applied, 0);
    EXPECT_EQ(Admin(db_).counts().at(JobState::pending).value, static_cast<std::uint64_t>(applied));
  }

  /// One of several callers that have read the same version.
  void one_of_many_is_applied() {
    constexpr int threads = 8, rounds = 10;
    add("one");
    for (int round = 0; round < rounds; ++round) {
      const std::vector<std::string> name{"one"};
      const backend::PeriodicRow row = rows().periodic_get(name).at(0).value();
      std::atomic<int> applied{0};
      std::latch begin{threads};
      std::vector<std::thread> all;
      for (int i = 0; i < threads; ++i) {
        all.emplace_back([&] {
          const backend::EnqueueItem mine = job();
          const std::vector<backend::PeriodicChange> changes{change(row, {&mine, 1})};
          begin.arrive_and_wait();
          applied += rows().periodic_change(changes, {}).at(0).applied ? 1 : 0;
        });
      }
      for (std::thread& thread : all) thread.join();
      EXPECT_EQ(applied, 1);
    }
    EXPECT_EQ(Admin(db_).counts().at(JobState::pending).value, std::uint64_t{rounds});
  }

  /// `forbid` makes the database refuse new jobs whose params have the word "forbidden".
  void a_refused_job_undoes_the_whole_call(const std::function<void()>& forbid) {
    forbid();
    const backend::EnqueueItem good = job();
    backend::EnqueueItem bad = job();
    bad.params = R"("forbidden")";
    const std::vector<backend::PeriodicChange> both{
        {.name = "good", .definition = "{}", .state = "{}", .jobs = {&good, 1}},
        {.name = "bad", .definition = "{}", .state = "{}", .jobs = {&bad, 1}}};
    const std::string message = error_of(Errc::refused, [&] { rows().periodic_change(both, {}); });
    EXPECT_FALSE(has(message, "forbidden")) << message;
    EXPECT_TRUE(rows().periodic_list({}, 10).empty());
    EXPECT_FALSE(Client(db_).find(good.id));
    EXPECT_TRUE(rows().periodic_change(std::span(both).first(1), {}).at(0).applied) << "the innocent";
    EXPECT_EQ(Client(db_).find(good.id).value().state, JobState::pending);
  }

  /// Texts come back as they were given, also large ones and many at once.
  void texts_are_kept() {
    std::string every = R"({"of":"\"\\\n\u0000 ' -- ; % $1 :name {x} \ud83d\ude00 )";
    for (char c = ' '; c < '\x7f'; ++c) every += c == '"' || c == '\\' ? ' ' : c;
    every += "\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\"}";
    const std::string large = "\"" + std::string(std::size_t{1} << 20, 'x') + "\\\\\"";
    constexpr std::size_t many = 600;
    std::vector<std::string> names{"'\"\\ \xF0\x9F\x98\x80", "large"};
    for (std::size_t i = names.size(); i < many; ++i) names.push_back("n" + std::to_string(i));
    std::vector<backend::PeriodicChange> changes;
    for (const std::string& name : names) {
      const std::string& text = name == "large" ? large : every;
      changes.push_back({.name = name, .definition = text, .state = text});
    }
    for (int round = 0; round < 2; ++round) {  // added, then set
      EXPECT_TRUE(all_applied(changes));
      const auto found = rows().periodic_get(names);
      for (std::size_t i = 0; i < many; ++i) {
        ASSERT_TRUE(found[i].has_value()) << names[i];
        EXPECT_EQ(found[i]->name, names[i]);
        EXPECT_TRUE(found[i]->definition == changes[i].definition && found[i]->state == changes[i].state) << names[i];
        changes[i].expected = found[i]->version;
      }
    }
    for (auto& change : changes) change.remove = true;
    EXPECT_TRUE(all_applied(changes));
    EXPECT_TRUE(rows().periodic_list({}, 10).empty());
  }

  [[nodiscard]] backend::Periodic& rows() const { return *db_.dialect().periodic(); }

  /// It is due since long ago.
  void add(std::string_view name) const {
    const std::vector<backend::PeriodicChange> changes{
        {.name = name, .next = TimePoint{}, .definition = R"({"of":"\"test\\\""})", .state = "{}"}};
    ASSERT_TRUE(rows().periodic_change(changes, {}).at(0).applied) << name;
  }

  /// A job of any key but its own.
  static backend::EnqueueItem job() {
    return {.id = JobId::make(system_clock()->now()), .fresh_id = true, .queue = "default", .kind = "tick",
            .params = "{}", .keepalive = std::chrono::seconds(30)};
  }

  /// It stays due.
  static backend::PeriodicChange change(const backend::PeriodicRow& row, std::span<const backend::EnqueueItem> jobs) {
    return {.name = row.name, .expected = row.version, .next = row.next, .definition = row.definition,
            .state = row.state, .jobs = jobs};
  }

 private:
  [[nodiscard]] bool all_applied(std::span<const backend::PeriodicChange> changes) const {
    return std::ranges::all_of(rows().periodic_change(changes, {}), &backend::PeriodicOutcome::applied);
  }

  static std::size_t index_of(const backend::PeriodicDue& due, std::string_view name) {
    std::size_t i = 0;
    while (due.rows.at(i).name != name) ++i;
    return i;
  }

  /// Each as it stands now, with a job; says how many were changed.
  int change_all(const std::vector<std::string>& names, bool backwards, bool remove) const {
    const auto found = rows().periodic_get(names);
    std::vector<backend::EnqueueItem> jobs(names.size());
    std::vector<backend::PeriodicChange> changes;
    for (std::size_t n = 0; n < names.size(); ++n) {
      const std::size_t i = backwards ? names.size() - 1 - n : n;
      jobs[n] = job();
      backend::PeriodicChange one{.name = names[i], .definition = "{}", .state = "{}", .jobs = {&jobs[n], 1}};
      if (found[i]) one = change(*found[i], {&jobs[n], 1});
      one.remove = remove && found[i].has_value();
      changes.push_back(one);
    }
    int applied = 0;
    for (const auto& outcome : rows().periodic_change(changes, {})) applied += outcome.applied ? 1 : 0;
    return applied;
  }

  const Database db_;
};

}  // namespace sqlq::testing
