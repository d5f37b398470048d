#pragma once
/// \file
/// Judges a run from what its processes recorded (records.hpp) and what the database says afterwards.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <sqlq/sqlq.hpp>

#include "records.hpp"

namespace sqlq::process {

/// What the records say of one job, in the order it happened.
struct Told {
  bool asked = false;
  bool acknowledged = false;
  std::map<std::int64_t, Record> starts{};  ///< by claim number
  std::map<std::int64_t, Record> ends{};
};

/// When processes were killed, by process id.
using Deaths = std::map<std::int32_t, SteadyPoint>;

struct Figures {
  std::size_t acknowledged = 0;
  std::size_t unknown_present = 0;  ///< not acknowledged (the producer was killed), but there
  std::size_t executions = 0;
  std::size_t repeated_jobs = 0;
  std::size_t leases_ended = 0;
  std::size_t not_started = 0;   ///< claimed by a process that was killed before the handler began
  std::size_t not_written = 0;   ///< the handler had ended, its outcome was not stored
  std::size_t starved = 0;       ///< leases that ended though their process was alive
  std::size_t early = 0;         ///< executions that follow one sooner than its lease can have ended
  std::size_t overlaps = 0;      ///< executions of one job at the same time; only a starved one can be in them
  std::size_t log_lines = 0;     ///< by handlers
  std::vector<Duration> rescues{};
};

class Audit {
 public:
  /// `lease`: the keepalive of all jobs.
  Audit(const Database& db, const std::string& records, Deaths deaths, Duration lease)
      : admin_(db), deaths_(std::move(deaths)), lease_(lease) {
    RecordReader reader(records);
    for (const Record& r : reader.more()) note(r);
    for (Page page{.limit = 1000};; page.before = jobs_.begin()->first) {
      const auto jobs = admin_.list({}, page);
      for (const Job& job : jobs) EXPECT_TRUE(jobs_.emplace(job.id, job).second) << "listed twice";
      if (jobs.size() < page.limit) break;
    }
  }

  /// Everything acknowledged is there and nothing that nobody asked for; each job ended in success exactly once; each
  /// execution beyond the first has its cause. All jobs are those of the producer.
  Figures run() {
    for (const auto& [id, told] : told_) {
      if (told.acknowledged) {
        ++figures_.acknowledged;
        EXPECT_TRUE(jobs_.contains(id)) << "lost: " << id.to_string();
      }
      EXPECT_TRUE(told.asked) << "a phantom was executed: " << id.to_string();
    }
    for (const auto& [id, job] : jobs_) {
      const auto told = told_.find(id);
      const bool known = told != told_.end() && told->second.asked;
      EXPECT_TRUE(known) << "a phantom: " << id.to_string();
      if (!known) continue;
      if (!told->second.acknowledged) ++figures_.unknown_present;
      SCOPED_TRACE(id.to_string());
      judge(job, told->second);
    }
    return figures_;
  }

 private:
  void note(const Record& r) {
    Told& told = told_[r.job()];
    switch (r.what) {
      case What::enqueue_asked: told.asked = true; break;
      case What::enqueued: told.acknowledged = true; break;
      case What::start:
        EXPECT_TRUE(told.starts.emplace(r.claim, r).second) << "one claim started twice: " << r.job().to_string();
        break;
      case What::end: told.ends.emplace(r.claim, r); break;
      default: ADD_FAILURE() << "an unexpected record";
    }
  }

  void judge(const Job& job, const Told& told) {
    figures_.executions += told.starts.size();
    if (told.starts.size() > 1) ++figures_.repeated_jobs;
    EXPECT_EQ(job.state, JobState::success);
    judge_winner(job, told);
    const auto history = admin_.history(job.id, 1000);
    judge_causes(job, told, history);
    judge_log(job, history.size());
    judge_order(told);
    for (const auto& line : history) measure(line, told);
  }

  /// The execution of the last claim, and only that, is the one whose outcome is stored.
  static void judge_winner(const Job& job, const Told& told) {
    const auto start = told.starts.find(job.claims);
    ASSERT_NE(start, told.starts.end()) << "its last claim, " << job.claims << ", was never executed";
    EXPECT_EQ(start->first, told.starts.rbegin()->first) << "executed after its success";
    EXPECT_TRUE(told.ends.contains(job.claims));
    EXPECT_EQ(job.lease_token.value, start->second.token);
    EXPECT_EQ(job.attempt, start->second.attempt);
    EXPECT_EQ(job.crashes, job.claims - 1);
    const auto result = nlohmann::json::parse(job.result, nullptr, false);
    EXPECT_EQ(result, (nlohmann::json{{"claim", job.claims}, {"token", start->second.token}}));
  }

  /// Each claim but the last has one line, whether its handler had begun or not, and nothing else has one.
  void judge_causes(const Job& job, const Told& told, const std::vector<AttemptRecord>& history) {
    EXPECT_EQ(static_cast<std::int64_t>(history.size()), job.claims - 1);
    std::int64_t claim = 0;
    for (const auto& line : history) {
      EXPECT_EQ(line.claim, ++claim);
      EXPECT_EQ(line.cause, Cause::lease_ended);
      ++figures_.leases_ended;
      const auto start = told.starts.find(claim);
      if (start == told.starts.end()) {
        ++figures_.not_started;
      } else {
        EXPECT_EQ(line.attempt, start->second.attempt);
        EXPECT_EQ(line.worker, "process " + std::to_string(start->second.pid));
      }
      if (told.ends.contains(claim)) ++figures_.not_written;
    }
    for (const auto& [number, start] : told.starts) {
      EXPECT_TRUE(number >= 1 && number <= job.claims) << "an execution of a claim that was never given";
    }
  }

  /// Of each execution the lines it wrote, or the first of them, or none when it died before they were sent; and one
  /// line of the library for each lease that ended.
  void judge_log(const Job& job, std::size_t ended) {
    std::map<std::int64_t, std::string> texts;
    std::size_t warnings = 0;
    for (const LogLine& line : admin_.logs(job.id)) {
      if (line.level == LogLevel::warn) {
        ++warnings;
      } else {
        texts[line.claim] += line.text + ";";
        ++figures_.log_lines;
      }
    }
    EXPECT_EQ(warnings, ended);
    for (const auto& [claim, text] : texts) {
      const std::string begin = "begin " + std::to_string(claim) + ";";
      EXPECT_TRUE(text == begin || text == begin + "end " + std::to_string(claim) + ";") << claim << ": " << text;
    }
  }

  void judge_order(const Told& told) {
    std::set<std::int64_t> tokens;
    const Record* before = nullptr;
    for (const auto& [claim, start] : told.starts) {
      EXPECT_TRUE(tokens.insert(start.token).second) << "a lease token was used again";
      if (before != nullptr) {
        EXPECT_GT(start.at_us, before->at_us) << "claim numbers do not increase with time";
        EXPECT_GT(start.attempt, before->attempt);
        const auto over = over_at(*before, told);
        if (!over || start.at_us < *over) ++figures_.overlaps;
        // The lease begins with the claim, which is before the start: by little, or the machine is broken.
        if (Duration(start.at_us - before->at_us) < lease_ / 4) ++figures_.early;
      }
      before = &start;
    }
  }

  /// When an execution was over: its end or the death of its process; empty when neither is known.
  [[nodiscard]] std::optional<std::int64_t> over_at(const Record& start, const Told& told) const {
    if (const auto end = told.ends.find(start.claim); end != told.ends.end()) return end->second.at_us;
    if (const auto death = deaths_.find(start.pid); death != deaths_.end()) {
      return death->second.time_since_epoch().count();
    }
    return std::nullopt;
  }

  /// From the death of the owner to the next execution.
  void measure(const AttemptRecord& line, const Told& told) {
    const auto next = told.starts.upper_bound(line.claim);
    if (next == told.starts.end()) return;
    const auto pid = std::stoi(line.worker.substr(line.worker.find(' ') + 1));
    const auto death = deaths_.find(pid);
    const auto started = SteadyPoint(Duration(next->second.at_us));
    if (death == deaths_.end() || death->second > started) {
      ++figures_.starved;
      return;
    }
    // A claim in between may have died too; only the claim that follows at once is this one's rescue.
    if (next->first == line.claim + 1) figures_.rescues.push_back(started - death->second);
  }

  Admin admin_;
  Deaths deaths_;
  Duration lease_;
  std::map<JobId, Told> told_;
  std::map<JobId, Job> jobs_;
  Figures figures_;
};

}  // namespace sqlq::process
