// Which jobs a filter means: each field by itself, and all together.

#include <algorithm>
#include <array>
#include <limits>
#include <random>
#include <set>

#include <sqlq/conformance/suite.hpp>

#include "facts.hpp"

namespace sqlq::conformance {
namespace {

using namespace std::chrono_literals;

constexpr int lowest_int = std::numeric_limits<int>::min();
constexpr int greatest_int = std::numeric_limits<int>::max();
constexpr std::array filtered_states{JobState::pending,    JobState::running,   JobState::success,  JobState::errored,
                                     JobState::cancelling, JobState::cancelled, JobState::scheduled};

/// Look alike, or are something else to SQL, and are different bytes.
const std::vector<std::string>& lookalikes() {
  static const std::vector<std::string>& all = *new std::vector<std::string>{
      "abc",       "ABC",        "Abc",  "abc ",    " abc",  "ab%",  "a_c",          "a.c",           "ab*",
      "a?c",       "[a-c]bc",    "ab\\", "ab\\%",   "ab\\\\", "a'c", "a''c",         "a\"c",          "a`c",
      "\xC3\xA9",  "e\xCC\x81",  "e",    "E",       "\xC3\x89", "ss", "\xC3\x9F",    "\xE2\x84\xAA",  "k",
      "\xC4\xB0",  "i",          "--",   "a'; --",  "$1",    ":1",   "\xF0\x9F\x98\x80", "\xF0\x9F\x98\x81",
      "\xEF\xBD\x81\xEF\xBD\x82\xEF\xBD\x83",  // abc in full width
      "ab\xC2\xAD" "c",                        // with a soft hyphen
  };
  return all;
}

template <class T>
bool among(const std::vector<T>& wanted, const T& value) {
  return wanted.empty() || std::ranges::find(wanted, value) != wanted.end();
}

/// The words of filter.hpp.
bool fits(const Job& job, const std::vector<AttemptRecord>& history, const JobFilter& filter) {
  return among(filter.ids, job.id) && among(filter.queues, job.queue) && among(filter.kinds, job.kind) &&
         among(filter.states, job.state) && (filter.unique_key.empty() || job.unique_key == filter.unique_key) &&
         (!filter.created_from || job.created_at >= *filter.created_from) &&
         (!filter.created_before || job.created_at < *filter.created_before) &&
         (filter.error.empty() ||
          (!history.empty() && history.back().message.find(filter.error) != std::string::npos)) &&
         (!filter.lowest_priority || job.priority >= *filter.lowest_priority) &&
         (!filter.highest_priority || job.priority <= *filter.highest_priority);
}

/// The ids of all pages, of so many jobs each.
std::vector<JobId> walk(Admin admin, const JobFilter& filter, std::size_t limit) {
  std::vector<JobId> ids;
  for (Page page{.limit = limit};;) {
    const std::vector<Job> jobs = admin.list(filter, page);
    for (const Job& job : jobs) ids.push_back(job.id);
    if (jobs.size() < limit) return ids;
    page.before = jobs.back().id;
  }
}

/// The same by steps.
std::vector<JobId> walk_steps(Admin admin, const JobFilter& filter, std::size_t limit) {
  std::vector<JobId> ids;
  for (Page page{.limit = limit};;) {
    const JobPage step = admin.list_step(filter, page);
    EXPECT_LE(step.jobs.size(), limit);
    for (const Job& job : step.jobs) ids.push_back(job.id);
    if (!step.next) return ids;
    if (page.before && *step.next >= *page.before) throw std::runtime_error("a step that does not go on");
    page.before = step.next;
  }
}

}  // namespace

// Some jobs of every state, with errors, keys and times, and filters that are drawn: the answer is what the words of
// the header say of each of them.
TEST_P(Filter, EveryFieldByItselfAndTogether) {
  const std::uint64_t seed = random_seed();
  SCOPED_TRACE("SQLQ_CONFORMANCE_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const std::vector<std::string> queues{"a", "A", "b"};
  const std::vector<std::string> kinds{"x", "X", "y"};
  const std::vector<std::string> errors{"timed out", "Timed out", "no 100%", "no 100_"};
  const std::vector<int> priorities{lowest_int, -1, 0, 10, greatest_int};
  for (int i = 0; i < 120; ++i) {
    EnqueueOptions options{.queue = queues[below(3)], .priority = priorities[below(5)]};
    if (below(3) == 0) options.unique_key = "k" + std::to_string(i);
    if (below(4) == 0) options.delay = 1h;
    const JobId id = enqueue_kind(kinds[below(3)], options);
    if (const std::vector<Job> taken = claim(1); !taken.empty()) {
      const Job& job = taken[0];
      switch (below(7)) {
        case 0: client().success(job, "1"); break;
        case 1: client().error(job, errors[below(4)], {.discard = true}); break;
        case 2: client().error(job, errors[below(4)], {.retry = RetryPolicy::constant(0s)}); break;
        case 3: client().error(job, errors[below(4)], {.retry = RetryPolicy::constant(1h)}); break;
        case 4: client().cancel(job.id); break;
        case 5: client().release(job); break;
        default: break;
      }
    }
    if (below(8) == 0) client().cancel(id);
    if (below(2) == 0) clock().advance(1us);
  }
  const std::vector<Job> all = admin().list({}, {.limit = 1000});
  ASSERT_EQ(all.size(), 120u);
  std::vector<std::vector<AttemptRecord>> histories;
  for (const Job& job : all) histories.push_back(admin().history(job.id));

  std::size_t found = 0;
  const int filters = has(&backend::Capabilities::database_clock) ? 100 : 250;  // a server: many round trips each
  for (int i = 0; i < filters; ++i) {
    JobFilter filter;
    const std::size_t only = i < 50 ? below(9) : 9;  // one field at first, then some of them
    const auto given = [&](std::size_t field) { return only == field || (only == 9 && below(4) == 0); };
    if (given(0)) {
      for (std::size_t n = 1 + below(60); n > 0; --n) filter.ids.push_back(all[below(all.size())].id);
      filter.ids.push_back(JobId::make(clock().now()));
    }
    if (given(1)) filter.queues = {queues[below(3)], queues[below(3)], "none"};
    if (given(2)) filter.kinds = {kinds[below(3)], kinds[below(3)]};
    if (given(3)) filter.states = {filtered_states[below(7)], filtered_states[below(7)], JobState::waiting};
    if (given(4) && below(3) == 0) filter.unique_key = "k" + std::to_string(below(120));
    if (given(5)) filter.created_from = all[below(all.size())].created_at;
    if (given(6)) filter.created_before = all[below(all.size())].created_at;
    if (given(7)) filter.error = below(2) == 0 ? errors[below(4)] : "imed";
    if (given(8)) filter.lowest_priority = priorities[below(5)];
    if (given(8) && below(2) == 0) filter.highest_priority = priorities[below(5)];
    std::vector<JobId> expected;
    for (std::size_t n = 0; n < all.size(); ++n) {
      if (fits(all[n], histories[n], filter)) expected.push_back(all[n].id);
    }
    found += expected.size();
    SCOPED_TRACE("filter " + std::to_string(i));
    EXPECT_EQ(ids_of(admin().list(filter, {.limit = 1000})), expected);
    const std::size_t limit = 1 + below(9);
    EXPECT_EQ(walk(admin(), filter, limit), expected);
    EXPECT_EQ(walk_steps(admin(), filter, limit), expected);
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(found, 200u) << "filters that fit nothing show nothing";
}

TEST_P(Filter, NamesAndKeysAreBytes) {
  for (const std::string& name : lookalikes()) {
    client().enqueue(NewJob{.kind = name, .options = {.queue = name, .unique_key = name}});
    const Job job = take({name});
    client().success(job);
  }
  EXPECT_EQ(admin().counts()[JobState::success].value, lookalikes().size());
  for (const std::string& name : lookalikes()) {
    for (const JobFilter& filter : {JobFilter{.queues = {name}}, JobFilter{.kinds = {name}},
                                    JobFilter{.unique_key = name}, JobFilter{.queues = {name}, .unique_key = name}}) {
      const std::vector<Job> jobs = admin().list(filter);
      ASSERT_EQ(jobs.size(), 1u) << name;
      EXPECT_EQ(jobs[0].queue, name);
      EXPECT_EQ(jobs[0].unique_key, name) << "finished jobs keep theirs";
    }
  }
  EXPECT_TRUE(admin().list({.unique_key = "ab"}).empty()) << "the whole key";
}

TEST_P(Filter, AKeyFindsAllFinishedJobsThatHadIt) {
  std::vector<JobId> expected;
  for (int i = 0; i < 3; ++i) {
    expected.insert(expected.begin(), enqueue({.queue = "q", .unique_key = "k"}));
    enqueue({.unique_key = "other"});
    if (i < 2) client().success(take({"q"}));
  }
  EXPECT_EQ(ids_of(admin().list({.unique_key = "k"})), expected);
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::pending}, .unique_key = "k"})), std::vector<JobId>{expected[0]});
}

TEST_P(Filter, ErrorTextIsBytesWithoutWildcards) {
  for (const std::string& text : lookalikes()) {
    enqueue();
    client().error(take(), "<" + text + ">", {.discard = true});
  }
  const std::vector<Job> all = admin().list();
  ASSERT_EQ(all.size(), lookalikes().size());
  std::vector<std::vector<AttemptRecord>> histories;
  for (const Job& job : all) histories.push_back(admin().history(job.id));
  for (const std::string& text : lookalikes()) {
    for (const std::string& wanted : {text, "<" + text + ">", text + ">"}) {
      std::vector<JobId> expected;
      for (std::size_t n = 0; n < all.size(); ++n) {
        if (fits(all[n], histories[n], {.error = wanted})) expected.push_back(all[n].id);
      }
      EXPECT_GE(expected.size(), 1u) << wanted;
      EXPECT_EQ(ids_of(admin().list({.error = wanted})), expected) << wanted;
    }
  }
}

TEST_P(Filter, ErrorIsTheMessageOfTheLastLineOfTheHistory) {
  const RetryPolicy no_delay = RetryPolicy::constant(0s);
  const JobId id = enqueue();
  const JobId other = enqueue();
  EXPECT_TRUE(admin().list({.error = "a"}).empty()) << "neither has a history";
  client().error(take(), "alpha", {.retry = no_delay});
  EXPECT_EQ(ids_of(admin().list({.error = "alpha"})), std::vector<JobId>{id});
  for (Job job : claim(2)) {
    if (job.id == id) client().error(job, "beta", {.retry = no_delay});
  }
  EXPECT_TRUE(admin().list({.error = "alpha"}).empty()) << "that was the line before";
  EXPECT_EQ(ids_of(admin().list({.error = "beta"})), std::vector<JobId>{id});
  static_cast<void>(take());
  EXPECT_EQ(ids_of(admin().list({.states = {JobState::running}, .error = "beta"})), std::vector<JobId>{id});
  client().success(row(id));
  EXPECT_EQ(ids_of(admin().list({.error = "beta"})), std::vector<JobId>{id}) << "success adds no line";
  EXPECT_EQ(admin().requeue(id), RequeueStatus::requeued);
  EXPECT_TRUE(admin().list({.error = "beta"}).empty()) << "the last line says that it was requeued";
  EXPECT_EQ(state(other), JobState::running);
}

TEST_P(Filter, AnErrorIsFoundAtTheEndOfALongMessage) {
  const JobId id = enqueue();
  client().error(take(), std::string(60'000, 'x') + "\nline 2: needle", {.discard = true});
  enqueue();
  client().error(take(), std::string(60'000, 'x'), {.discard = true});
  EXPECT_EQ(ids_of(admin().list({.error = "x\nline 2: needle"})), std::vector<JobId>{id});
  EXPECT_EQ(ids_of(admin().list({.error = std::string(1009, 'x') + "\nline 2: needl"})), std::vector<JobId>{id});
}

TEST_P(Filter, CreatedIsFromAndBefore) {
  const TimePoint begin = clock().now();
  std::vector<JobId> ids;
  for (int i = 0; i < 3; ++i) {
    ids.insert(ids.begin(), enqueue());
    clock().advance(1us);
  }
  EXPECT_EQ(ids_of(admin().list({.created_from = begin + 1us})), (std::vector<JobId>{ids[0], ids[1]}));
  EXPECT_EQ(ids_of(admin().list({.created_before = begin + 1us})), std::vector<JobId>{ids[2]});
  EXPECT_EQ(ids_of(admin().list({.created_from = begin + 1us, .created_before = begin + 2us})),
            std::vector<JobId>{ids[1]});
  EXPECT_TRUE(admin().list({.created_from = begin + 1us, .created_before = begin + 1us}).empty());
  EXPECT_TRUE(admin().list({.created_from = begin + 2us, .created_before = begin}).empty());
  EXPECT_EQ(ids_of(admin().list({.created_from = TimePoint::min(), .created_before = TimePoint::max()})), ids);
  EXPECT_TRUE(admin().list({.created_from = TimePoint::max()}).empty());
  EXPECT_TRUE(admin().list({.created_before = TimePoint::min()}).empty());
}

TEST_P(Filter, CreatedIsNotTheTimeOfTheId) {
  const TimePoint begin = clock().now();
  const JobId late = enqueue({.id = JobId::make(begin + 24h)});
  const JobId early = enqueue({.id = JobId::make(begin - std::chrono::hours(24 * 365))});
  clock().step_wall(-1h);
  const JobId after_a_step = enqueue();
  std::vector<JobId> both{late, early};
  std::ranges::sort(both, std::ranges::greater{});
  EXPECT_EQ(ids_of(admin().list({.created_from = begin})), both);
  EXPECT_EQ(ids_of(admin().list({.created_before = begin})), std::vector<JobId>{after_a_step});
}

TEST_P(Filter, PrioritiesHaveNoEnd) {
  std::vector<JobId> ids;
  for (const int priority : {lowest_int, -1, 0, 1, greatest_int}) ids.push_back(enqueue({.priority = priority}));
  const auto listed = [&](std::optional<int> lowest, std::optional<int> highest) {
    std::vector<JobId> found =
        ids_of(admin().list({.lowest_priority = lowest, .highest_priority = highest}));
    std::ranges::reverse(found);
    return found;
  };
  EXPECT_EQ(listed(lowest_int, greatest_int), ids);
  EXPECT_EQ(listed(greatest_int, {}), std::vector<JobId>{ids[4]});
  EXPECT_EQ(listed({}, lowest_int), std::vector<JobId>{ids[0]});
  EXPECT_EQ(listed(0, {}), (std::vector<JobId>{ids[2], ids[3], ids[4]}));
  EXPECT_EQ(listed({}, 0), (std::vector<JobId>{ids[0], ids[1], ids[2]}));
  EXPECT_EQ(listed(-1, 1), (std::vector<JobId>{ids[1], ids[2], ids[3]}));
  EXPECT_TRUE(listed(1, 0).empty());
}

TEST_P(Filter, IdsInAnyOrderAndMoreThanOnce) {
  std::vector<JobId> ids;
  for (int i = 0; i < 30; ++i) ids.push_back(enqueue({.queue = i % 2 == 0 ? "even" : "odd"}));
  std::vector<JobId> wanted{JobId{}, JobId::make(clock().now())};
  for (const std::size_t n : {3u, 20u, 4u, 3u, 9u}) wanted.push_back(ids[n]);
  EXPECT_EQ(ids_of(admin().list({.ids = wanted})), (std::vector<JobId>{ids[20], ids[9], ids[4], ids[3]}));
  EXPECT_EQ(walk(admin(), {.ids = wanted}, 1), (std::vector<JobId>{ids[20], ids[9], ids[4], ids[3]}));
  EXPECT_EQ(ids_of(admin().list({.ids = wanted, .queues = {"odd"}})), (std::vector<JobId>{ids[9], ids[3]}));
  EXPECT_EQ(ids_of(admin().list({.ids = wanted}, {.before = ids[9]})), (std::vector<JobId>{ids[4], ids[3]}));
  EXPECT_TRUE(admin().list({.ids = {JobId::make(clock().now())}}).empty()) << "no job is not every job";
}

TEST_P(Filter, AsManyIdsAndNamesAsThereMayBe) {
  std::vector<JobId> ids;
  std::vector<std::string> names;
  for (int i = 0; i < 9'990; ++i) ids.push_back(JobId::make(clock().now()));
  for (int i = 0; i < 999; ++i) names.push_back(std::to_string(i) + std::string(250, 'n'));
  std::vector<JobId> expected;
  for (int i = 0; i < 10; ++i) expected.insert(expected.begin(), enqueue_kind("x", {.queue = "q"}));
  ids.insert(ids.end(), expected.begin(), expected.end());
  names.push_back("q");
  EXPECT_EQ(walk(admin(), {.ids = ids}, 3), expected);
  EXPECT_EQ(ids_of(admin().list({.ids = ids, .queues = names})), expected);
  EXPECT_EQ(ids_of(admin().list({.queues = names})), expected);
  names.back() = "x";
  EXPECT_EQ(ids_of(admin().list({.kinds = names})), expected);
}

TEST_P(Filter, WithoutPayloadsNothingElseIsLeftOut) {
  const auto make = [&] {
    return client().enqueue(NewJob{.kind = "k", .params = "[1]", .options = {.priority = 3, .retention = 1h}}).id;
  };
  make();
  client().success(take(), R"({"n":1})");
  make();
  client().error(take(), "no", {.discard = true});
  make();
  const Job running = take();
  client().set_result(running, "2");
  client().set_progress(running, {.done = 1, .total = 3, .note = "a third"});
  client().enqueue(NewJob{.kind = "k", .params = "[2]", .options = {.delay = 1h, .unique_key = "u", .timeout = 5s}});
  for (const JobFilter& filter : {JobFilter{}, JobFilter{.ids = ids_of(admin().list())}, JobFilter{.kinds = {"k"}},
                                  JobFilter{.highest_priority = 10}}) {
    const std::vector<Job> with = admin().list(filter);
    const std::vector<Job> without = admin().list(filter, {.payloads = false});
    ASSERT_EQ(with.size(), 4u);
    ASSERT_EQ(ids_of(with), ids_of(without));
    for (std::size_t i = 0; i < with.size(); ++i) {
      EXPECT_EQ(with[i].params, i == 0 ? "[2]" : "[1]");
      EXPECT_EQ(without[i].params, "");
      EXPECT_EQ(without[i].result, "");
      EXPECT_EQ(facts_of(without[i]), facts_of(with[i]));
      EXPECT_EQ(without[i].queue, with[i].queue);
      EXPECT_EQ(without[i].priority, with[i].priority);
    }
    EXPECT_EQ(with[1].result, "2");
    EXPECT_EQ(with[3].result, R"({"n":1})");
  }
}

// Before anything is sent: the database has no tables.
TEST_P(Filter, WhatNoJobCanHaveIsRefusedAndNamed) {
  const std::string long_name(256, 'n');
  const std::vector<std::pair<std::string, JobFilter>> bad = {
      {"id", {.ids = std::vector<JobId>(10'001)}},
      {"queue", {.queues = {""}}},
      {"queue", {.queues = {"fine", "a\nb"}}},
      {"queue", {.queues = {long_name}}},
      {"queue", {.queues = std::vector<std::string>(1'001, "q")}},
      {"kind", {.kinds = {"\xFF"}}},
      {"kind", {.kinds = {"fine", ""}}},
      {"kind", {.kinds = std::vector<std::string>(1'001, "k")}},
      {"state", {.states = {JobState::invalid}}},
      {"state", {.states = {JobState::pending, static_cast<JobState>(9)}}},
      {"key", {.unique_key = long_name}},
      {"key", {.unique_key = "\xED\xA0\x80"}},
      {"error", {.error = std::string(1'025, 'e')}},
      {"error", {.error = "\xC3"}},
  };
  const Admin unmigrated{blank()};
  for (const auto& each : bad) {
    const std::string& field = each.first;
    const JobFilter& filter = each.second;
    const std::optional<Error> error = error_of([&] { return unmigrated.list(filter); });
    ASSERT_TRUE(error) << field;
    EXPECT_EQ(error->code(), Errc::invalid_argument) << error->what();
    EXPECT_NE(std::string(error->what()).find(field), std::string::npos) << error->what();
    EXPECT_EQ(code_of([&] { return unmigrated.list_step(filter); }), "invalid_argument");
  }
}

}  // namespace sqlq::conformance
