// What the commands of jobs are made of, without a database.

#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "job_change.hpp"
#include "job_records.hpp"
#include "job_watch.hpp"
#include "support/fake_dialect.hpp"

namespace sqlq::tool {
namespace {

using std::chrono::seconds;

constexpr TimePoint midnight = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29);

/// A job with a small number as id; it came to its state at `at`.
Job job(std::uint8_t number, JobState state, TimePoint at = midnight, std::int64_t claims = 0) {
  Job j;
  std::array<std::uint8_t, 16> bytes{};
  bytes[0] = number;
  j.id = JobId(bytes);
  j.state = state;
  j.claims = claims;
  j.created_at = j.queued_at = at;
  if (state == JobState::running) j.started_at = at;
  if (is_finished(state)) j.finished_at = at;
  return j;
}

std::string told(const std::vector<Happening>& happenings) {
  std::string text;
  for (const Happening& h : happenings) {
    text += (text.empty() ? "" : " ") + std::to_string(h.job.id.bytes()[0]) + ":" + std::string(h.what);
  }
  return text;
}

TEST(Follower, TellsWhatIsNewAndWhatChanged) {
  Follower follower;
  follower.begin({job(9, JobState::pending), job(8, JobState::running, midnight, 1)}, {}, midnight);
  EXPECT_EQ(told(follower.see({job(9, JobState::pending), job(8, JobState::running, midnight, 1)})), "");
  EXPECT_EQ(told(follower.see({job(10, JobState::pending, midnight + seconds(1)),
                               job(9, JobState::running, midnight + seconds(3), 1),
                               job(8, JobState::success, midnight + seconds(2), 1)})),
            "10:enqueued 8:success 9:running");
  EXPECT_EQ(told(follower.see({job(9, JobState::scheduled, midnight + seconds(4), 1)})), "9:scheduled");
}

TEST(Follower, AJobThatIsNewMayHaveGoneOnAlready) {
  Follower follower;
  follower.begin({}, {}, midnight);
  EXPECT_EQ(told(follower.see({job(1, JobState::success, midnight + seconds(1), 1)})), "1:enqueued 1:success");
  EXPECT_EQ(told(follower.see({job(1, JobState::success, midnight + seconds(1), 1)})), "");
}

TEST(Follower, ARetryBetweenTwoLooksIsSeen) {
  Follower follower;
  follower.begin({job(1, JobState::running, midnight, 1)}, {}, midnight);
  EXPECT_EQ(told(follower.see({job(1, JobState::running, midnight + seconds(9), 2)})), "1:running");
}

TEST(Follower, OldJobsAreToldOnlyWhenSomethingHappened) {
  Follower follower;
  follower.begin({job(9, JobState::pending)}, {job(3, JobState::errored)}, midnight);
  EXPECT_EQ(told(follower.see({job(3, JobState::errored)})), "");
  EXPECT_EQ(told(follower.see({job(4, JobState::errored, midnight - seconds(5), 1)})), "");
  EXPECT_EQ(told(follower.see({job(5, JobState::errored, midnight + seconds(5), 1)})), "5:errored");
}

TEST(Follower, WhatIsDeletedIsGoneOnce) {
  Follower follower;
  follower.begin({job(9, JobState::pending)}, {}, midnight);
  const std::vector<JobId> asked = follower.live(10);
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(told(follower.miss(asked, {job(9, JobState::pending)})), "");
  EXPECT_EQ(told(follower.miss(asked, {})), "9:gone");
  EXPECT_EQ(told(follower.miss(asked, {})), "");
  EXPECT_TRUE(follower.live(10).empty());
}

TEST(Follower, ForgetsTheOldestAndKeepsNoMore) {
  Follower follower(3);
  follower.begin({}, {}, midnight);
  for (std::uint8_t i = 1; i <= 9; ++i) static_cast<void>(follower.see({job(i, JobState::pending)}));
  EXPECT_EQ(follower.live(10).size(), 3U);
  EXPECT_TRUE(follower.knows(job(9, JobState::pending).id));
  EXPECT_FALSE(follower.knows(job(6, JobState::pending).id));
}

TEST(JobChange, ExitCodesOfAnswers) {
  const Answer done = answer(ActionStatus::done);
  const Answer gone = answer(RequeueStatus::not_found);
  const Answer not_yet = answer(RequeueStatus::not_finished);
  EXPECT_EQ(tally_of({done, done}).code(), ExitCode::ok);
  EXPECT_EQ(tally_of({gone}).code(), ExitCode::not_found);
  EXPECT_EQ(tally_of({not_yet}).code(), ExitCode::conflict);
  EXPECT_EQ(tally_of({not_yet, gone}).code(), ExitCode::conflict);
  EXPECT_EQ(tally_of({done, gone}).code(), ExitCode::partly_done);
  EXPECT_EQ(tally_of({answer(CancelStatus::cancelling), answer(CancelStatus::cancelled)}).code(), ExitCode::ok);
  EXPECT_EQ(tally_of({answer(CancelStatus::finished)}).code(), ExitCode::conflict);
  EXPECT_EQ(answer(RequeueStatus::duplicate).word, "duplicate");
}

TEST(JobChange, ExitCodesOfReports) {
  BulkReport report;
  EXPECT_EQ(answer(report).word, "not_found");
  report.seen = report.unchanged = 1;
  EXPECT_EQ(answer(report).word, "unchanged");
  EXPECT_EQ(code_of(report), ExitCode::partly_done);
  report = {};
  report.seen = report.done = 2;
  EXPECT_EQ(answer(report).word, "done");
  EXPECT_EQ(code_of(report), ExitCode::ok);
  report.next = JobId{};
  EXPECT_EQ(code_of(report), ExitCode::partly_done);
}

TEST(JobChange, ProgressAndSummary) {
  BulkReport report;
  report.seen = 2500;
  report.done = 2400;
  report.unchanged = 99;
  report.conflicts = 1;
  EXPECT_EQ(progress_text(report, {10000, false}, seconds(1)), "2,500 of 10,000 jobs, 2,500/s, 3s left");
  EXPECT_EQ(progress_text(report, {10000, true}, seconds(1)), "2,500 of 10,000+ jobs, 2,500/s");
  EXPECT_EQ(progress_text(report, {1000, true}, seconds(1)), "2,500 jobs, 2,500/s");
  EXPECT_EQ(progress_text(report, {10000, false}, Duration::zero()), "2,500 of 10,000 jobs");
  EXPECT_EQ(summary("retry", report),
            "retry: 2,400 of 2,500 jobs were changed; 99 were in no state for it; of 1 a live job has the unique key");
}

TEST(JobRecords, EveryRowHasACellForEachColumn) {
  Job whole = job(1, JobState::running, midnight, 1);
  whole.progress = Progress{.done = 1, .total = 2, .note = "n", .at = midnight};
  whole.params = "{}";
  for (const bool payloads : {false, true}) {
    EXPECT_EQ(job_row(whole, AttemptRecord{}, payloads).size(), job_columns(payloads, 0).size());
    EXPECT_EQ(job_row(job(1, JobState::pending), std::nullopt, payloads).size(), job_columns(payloads, 0).size());
  }
  EXPECT_EQ(history_row(AttemptRecord{}).size(), history_columns().size());
  EXPECT_EQ(log_row(LogLine{}).size(), log_columns().size());
  EXPECT_EQ(reason_row(Reason{}).size(), reason_columns().size());
}

/// Tells how many ids it was asked for at once.
class LastRecords final : public testing::FakeDialect {
 public:
  std::vector<std::size_t> asked{};
  std::vector<std::optional<AttemptRecord>> last_records(std::span<const JobId> ids) override {
    asked.push_back(ids.size());
    std::vector<std::optional<AttemptRecord>> records;
    for (const JobId id : ids) records.push_back(AttemptRecord{.message = id.to_string()});
    return records;
  }
};

TEST(JobRecords, LastErrorsAreOneQueryForAPageOfJobsThatMayHaveOne) {
  testing::FakeDatabase<LastRecords> f;
  const Admin admin(f.db);
  const std::vector<Job> none{job(1, JobState::pending), job(2, JobState::running, midnight, 1),
                              job(3, JobState::success, midnight, 1), job(4, JobState::waiting)};
  for (const std::optional<AttemptRecord>& last : last_records(admin, none)) EXPECT_FALSE(last);
  EXPECT_TRUE(f.fake.asked.empty());

  std::vector<Job> jobs(2500, job(5, JobState::errored, midnight, 1));
  jobs[1] = none[0];
  jobs[2] = job(6, JobState::cancelled);
  jobs[3] = job(7, JobState::running, midnight, 2);
  const std::vector<std::optional<AttemptRecord>> last = last_records(admin, jobs);
  EXPECT_EQ(f.fake.asked, (std::vector<std::size_t>{1000, 1000, 499}));
  ASSERT_EQ(last.size(), jobs.size());
  for (std::size_t i = 0; i < last.size(); ++i) {
    ASSERT_EQ(last[i].has_value(), i != 1) << i;
    if (last[i]) { EXPECT_EQ(last[i]->message, jobs[i].id.to_string()); }
  }
  EXPECT_EQ(last_record(admin, jobs[2]).value().message, jobs[2].id.to_string());
}

TEST(JobRecords, ATableHasTheColumnsThatHaveRoom) {
  const auto shown = [](bool payloads, std::size_t width) {
    std::string names;
    for (const Column& column : job_columns(payloads, width)) {
      if (column.shown != Column::in_data) names += (names.empty() ? "" : " ") + column.name;
    }
    return names;
  };
  EXPECT_EQ(shown(false, 0), "id queue kind state priority attempt created_at worker error");
  EXPECT_EQ(shown(false, 200), shown(false, 0));
  EXPECT_EQ(shown(false, 100), "id queue kind state created_at error");
  EXPECT_EQ(shown(false, 80), "id queue kind state error");
  EXPECT_EQ(shown(true, 80), "id kind state params result");
  EXPECT_EQ(job_columns(true, 20).size(), job_columns(true, 0).size());
}

TEST(JobRecords, LogsAreOneLineEachAndPrintable) {
  LogLine line;
  line.at = midnight;
  line.text = "a\x1b[2J\nb";
  EXPECT_EQ(log_text(line), "2026-11-29T00:00:00.000000Z info  a\\x1b[2J\\nb");
  line.level = LogLevel::error;
  EXPECT_EQ(log_text(line).substr(28, 6), "error ");
}

TEST(JobRecords, RowsInACellAreOneLineOfJson) {
  AttemptRecord line;
  line.message = "a\nb\"";
  line.at = midnight;
  const nlohmann::json read = nlohmann::json::parse(json_array(history_columns(), {history_row(line)}).text);
  EXPECT_EQ(read[0]["message"], "a\nb\"");
  EXPECT_EQ(json_array(history_columns(), {}).text, "[]");
  EXPECT_EQ(json_array(history_columns(), {history_row(line)}).text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace sqlq::tool
