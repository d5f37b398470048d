#pragma once
/// \file
/// A run written by hand, for the tests of the checker: every rule has a history that keeps it and one that breaks it.

#include <algorithm>
#include <cstdint>

#include <gtest/gtest.h>

#include "check.hpp"

namespace sqlq::faults {

inline constexpr std::int64_t ms = 1000;
inline constexpr std::int32_t owner = 100;
inline constexpr std::int32_t other = 200;
inline constexpr std::int32_t producer = 300;

inline Id id_of(std::uint8_t n) {
  Id id{};
  id[15] = n;
  return id;
}

/// A run written by hand. Times are in milliseconds.
class Checker : public ::testing::Test {
 protected:
  void add(std::int64_t at, Record record, std::int32_t pid) {
    record.at_us = at * ms;
    record.pid = pid;
    run_.records.push_back(record);
  }
  void ask(std::uint8_t job, std::int64_t at, std::uint64_t key = 0) {
    add(at, about(What::enqueue_asked, id_of(job), Code::none, key), producer);
  }
  void acknowledge(std::uint8_t job, std::int64_t at) { add(at, about(What::enqueued, id_of(job)), producer); }

  static Record of_claim(What what, std::uint8_t job, int claim, Code code = Code::none, std::uint64_t value = 0) {
    Record r = about(what, id_of(job), code, value);
    r.claim = claim;
    r.attempt = claim;
    r.token = 1000 * job + claim;
    r.queue = queue;
    return r;
  }
  void start(std::uint8_t job, int claim, std::int64_t at, std::int32_t pid = owner, Code code = Code::none) {
    add(at, of_claim(What::start, job, claim, code), pid);
  }
  void end(std::uint8_t job, int claim, std::int64_t at, std::int32_t pid = owner, Code code = Code::ok) {
    add(at, of_claim(What::end, job, claim, code, 77), pid);
  }
  void finish(std::uint8_t job, int claim, std::int64_t at, Code code, std::int32_t pid = owner) {
    add(at, of_claim(What::finished, job, claim, code), pid);
  }
  void lives(std::int32_t pid, std::int64_t from, std::int64_t to) {
    for (auto at = from; at <= to; at += 25) add(at, about(What::pulse, Id{}), pid);
  }

  Row& row(std::uint8_t job, int claims = 1, State state = State::success) {
    run_.rows.push_back({.id = id_of(job),
                         .state = state,
                         .queue = queue,
                         .attempt = claims,
                         .claims = claims,
                         .token = is_finished(state) ? 1000 * job + claims : 0,
                         .result = state == State::success ? 77u : 0u});
    return run_.rows.back();
  }
  /// A line about each claim but the last.
  static void explain(Row& row, Reason reason, std::int32_t pid = owner) {
    for (std::int32_t claim = 1; claim < row.claims; ++claim) row.history.push_back({claim, claim, reason, pid});
    if (reason == Reason::lease_ended) row.crashes = row.claims - 1;
  }
  /// Enqueued, executed once, well.
  Row& plain(std::uint8_t job, std::int64_t at) {
    ask(job, at);
    acknowledge(job, at + 1);
    start(job, 1, at + 10);
    end(job, 1, at + 20);
    return row(job);
  }
  /// Executed by `owner`, whose lease ended, and again by `other`.
  Row& taken_over(std::uint8_t job, std::int64_t second) {
    ask(job, 0);
    acknowledge(job, 1);
    start(job, 1, 10);
    start(job, 2, second, other);
    end(job, 2, second + 10, other);
    Row& r = row(job, 2);
    explain(r, Reason::lease_ended);
    return r;
  }
  /// When the database gave the first claim, and took it back.
  Row& give_by_database(Row& r, std::int64_t given, std::int64_t taken_back) {
    run_.clock_ahead_us = 500'000 * ms;
    for (Record& record : run_.records) {
      if (record.claim == 1) record.value = static_cast<std::uint64_t>(given * ms + *run_.clock_ahead_us);
    }
    r.history[0].at_us = taken_back * ms + *run_.clock_ahead_us;
    return r;
  }
  void fault(Fault::Kind kind, std::int32_t pid, std::int64_t from, std::int64_t to) {
    run_.faults.push_back({kind, pid, from * ms, to * ms});
  }

  Verdict verdict() {
    std::ranges::stable_sort(run_.records, {}, &Record::at_us);
    return check(run_);
  }
  void expect_clean() {
    const Verdict v = verdict();
    EXPECT_TRUE(v.clean()) << to_string(v, run_.settings);
  }
  void expect_broken(Rule rule) {
    const Verdict v = verdict();
    EXPECT_TRUE(v.broke(rule)) << to_string(v, run_.settings);
    EXPECT_NE(to_string(v, run_.settings).find(to_string(rule)), std::string::npos);
  }

  static constexpr std::uint32_t queue = 5;
  faults::Run run_;
};

}  // namespace sqlq::faults
