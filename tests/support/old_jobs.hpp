#pragma once
/// \file
/// Lists and counts of a million jobs, of which those that are asked for are old or few. Each backend's tests fill in
/// the jobs by plain SQL, by these expressions of i, which goes from 1 to 1,000,000: the number of a job, and its id
/// (old_job). Lanes: 1 is kind k of queue a, 2 kind rare of queue a, 3 kind k of queue waiting.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include <sqlq/admin.hpp>

namespace sqlq::testing {

inline constexpr int old_jobs = 1'000'000;
inline constexpr int last_rare = 3, last_errored = 20'003, last_waiting = 40'003;
/// The others have succeeded.
inline const std::string old_states = "CASE WHEN i BETWEEN 4 AND 20003 THEN 4 WHEN i BETWEEN 20004 AND 40003 THEN 1 "
                                      "ELSE 3 END";
inline const std::string old_lanes = "CASE WHEN i <= 3 THEN 2 WHEN i BETWEEN 20004 AND 40003 THEN 3 ELSE 1 END";
inline const std::string old_queues = "CASE WHEN i BETWEEN 20004 AND 40003 THEN 2 ELSE 1 END";

inline JobId old_job(int number) {
  char text[37];
  std::snprintf(text, sizeof text, "00000000-0000-7000-8000-%012x", static_cast<unsigned>(number));
  return *JobId::parse(text);
}

inline std::vector<JobId> ids_down_from(int number, std::size_t n) {
  std::vector<JobId> ids;
  while (ids.size() < n) ids.push_back(old_job(number--));
  return ids;
}

inline void expect_one_step(const Admin& admin, const JobFilter& filter, const std::vector<JobId>& wanted) {
  const JobPage page = admin.list_step(filter);
  std::vector<JobId> ids;
  for (const Job& job : page.jobs) ids.push_back(job.id);
  EXPECT_EQ(ids, wanted);
  EXPECT_EQ(page.next.has_value(), wanted.size() == Page{}.limit);
}

/// Steps, each of which gets 50,000 jobs further.
inline void expect_steps(const Admin& admin, const JobFilter& filter, int before, const std::vector<JobId>& wanted) {
  std::vector<JobId> ids;
  int steps = 0;
  for (Page page{.before = old_job(before)}; page.limit > 0; ++steps) {
    const JobPage found = admin.list_step(filter, page);
    for (const Job& job : found.jobs) ids.push_back(job.id);
    page.limit -= found.jobs.size();
    if (!found.next) break;
    page.before = found.next;
  }
  EXPECT_EQ(ids, wanted);
  EXPECT_LE(steps, before / 50'000 + 1);
  ids.clear();
  for (const Job& job : admin.list(filter, {.before = old_job(before)})) ids.push_back(job.id);
  EXPECT_EQ(ids, wanted);
}

inline void expect_bounded_lists(const Admin& admin) {
  const std::size_t page = Page{}.limit;
  for (const JobFilter& common : {JobFilter{}, JobFilter{.queues = {"a"}}, JobFilter{.kinds = {"k", "missing"}},
                                  JobFilter{.queues = {"a"}, .kinds = {"k"}, .states = {JobState::success}},
                                  JobFilter{.lowest_priority = 10, .highest_priority = 10}}) {
    expect_one_step(admin, common, ids_down_from(old_jobs, page));
  }
  expect_one_step(admin, {.kinds = {"rare"}}, ids_down_from(last_rare, 3));
  expect_one_step(admin, {.queues = {"a"}, .kinds = {"rare"}, .states = {JobState::success}},
                  ids_down_from(last_rare, 3));
  expect_one_step(admin, {.ids = {old_job(1), old_job(last_errored), old_job(2)}, .kinds = {"rare"}},
                  {old_job(2), old_job(1)});
  for (const JobFilter& none : {JobFilter{.queues = {"missing"}},
                                JobFilter{.kinds = {"missing"}},
                                JobFilter{.queues = {"waiting"}, .kinds = {"rare"}},
                                JobFilter{.kinds = {"rare"}, .error = "never seen"},
                                JobFilter{.kinds = {"rare"}, .unique_key = "missing"},
                                JobFilter{.kinds = {"rare"}, .highest_priority = 9},
                                JobFilter{.ids = {old_job(old_jobs + 1)}},
                                JobFilter{.queues = {"waiting"}, .states = {JobState::success, JobState::errored}},
                                JobFilter{.states = {JobState::running, JobState::scheduled, JobState::cancelled}}}) {
    expect_one_step(admin, none, {});
  }
  expect_steps(admin, {.states = {JobState::errored}}, old_jobs, ids_down_from(last_errored, page));
  expect_steps(admin, {.states = {JobState::pending, JobState::running}}, 150'000, ids_down_from(last_waiting, page));
  expect_steps(admin, {.queues = {"waiting"}}, 150'000, ids_down_from(last_waiting, page));
}

inline void expect_capped_counts(const Admin& admin) {
  JobCounts all = admin.counts();
  EXPECT_EQ(all[JobState::success].value, 10'000U);
  EXPECT_TRUE(all[JobState::success].capped);
  EXPECT_TRUE(all[JobState::errored].capped);
  EXPECT_EQ(all[JobState::scheduled].value, 0U);
  EXPECT_FALSE(all[JobState::scheduled].capped);
  JobCounts waiting = admin.counts("waiting", 20'000);
  EXPECT_EQ(waiting[JobState::pending].value, 20'000U);
  EXPECT_FALSE(waiting[JobState::pending].capped) << "exactly as many as the cap";
  EXPECT_EQ(waiting[JobState::success].value, 0U);
  EXPECT_TRUE(admin.counts("waiting", 19'999)[JobState::pending].capped);
}

}  // namespace sqlq::testing
