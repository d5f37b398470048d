/// \file
/// The screen of `sqlq top` and what its keys mean, without a terminal; how far something is.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pace.hpp"
#include "text.hpp"
#include "program/program.hpp"
#include "top_screen.hpp"

namespace sqlq::tool::screen_test {
namespace {

using program::has;

using Kind = TopRequest::Kind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

const TimePoint noon{hours(24 * 20000 + 12)};
const std::string hostile = "evil\x1b[2J\r\n\x07\xff\xe2\x80\xae" "mail";

TopQueue queue(const std::string& name, std::uint64_t pending = 0) {
  TopQueue queue;
  queue.name = name;
  queue.pending = {pending, false};
  return queue;
}

TopJob failure(const std::string& kind, const std::string& error) {
  TopJob one;
  one.job.id = JobId::make(noon);
  one.job.queue = "mail";
  one.job.kind = kind;
  one.job.state = JobState::errored;
  one.job.attempt = 3;
  one.job.finished_at = noon - minutes(3);
  one.error = error;
  return one;
}

TopData some_data() {
  TopData data;
  data.at = noon;
  data.where = "a database";
  data.workers_known = true;
  data.queues = {queue("default", 1204), queue("mail", 88)};
  data.queues[0].running = {40, false};
  data.queues[0].oldest = seconds(4);
  data.queues[0].rate = {.in = 400.0, .in_or_more = false, .out = 398.0};
  data.queues[1].paused = true;
  data.queues[1].failed = {10000, true};
  data.queues[1].rate = {.in = 1.25, .in_or_more = false, .out = {}};
  WorkerInfo worker;
  worker.name = "w1";
  worker.host = "host";
  worker.busy = 3;
  worker.concurrency = 8;
  worker.seen_at = noon - seconds(5);
  worker.draining = true;
  data.workers = {worker};
  data.failed = {failure("send_mail", "no such host")};
  return data;
}

std::string text_of(const std::vector<ScreenLine>& lines) {
  std::string text;
  for (const ScreenLine& line : lines) text += line.text + "\n";
  return text;
}

std::string shown(const TopData& data, const TopState& state = {}, const ScreenSize& size = {}) {
  return text_of(lay_out(data, state, size));
}

TEST(TopScreen, ShowsQueuesWorkersAndFailures) {
  const std::string text = shown(some_data());
  for (const char* part : {"sqlq top  a database", "12:00:00Z", "1,204", "default", "400", "398", "mail", "10,000+",
                           "PAUSED", "w1", "3/8", "5s ago", "draining", "send_mail", "no such host", "3m ago", "1.3"}) {
    EXPECT_TRUE(has(text, part)) << part << "\n" << text;
  }
}

TEST(TopScreen, WhatIsNotKnownIsLeftOut) {
  TopData data = some_data();
  const std::string some = shown(data).substr(0, 300);
  EXPECT_FALSE(has(some, "  out ")) << some;  // one queue's is not known, so the sum is not
  for (TopQueue& one : data.queues) one.rate = {.in = 2.0, .in_or_more = true, .out = 1.0};
  EXPECT_TRUE(has(shown(data), "in 4.0+/s  out 2.0/s")) << shown(data);
  for (TopQueue& one : data.queues) one.rate = {};
  EXPECT_FALSE(has(shown(data), "  in ")) << shown(data);
  data.workers_known = false;
  data.workers.clear();
  EXPECT_TRUE(has(shown(data), "keeps no list")) << shown(data);
  EXPECT_FALSE(has(shown(data), "busy ")) << shown(data);
}

TEST(TopScreen, FitsAnySizeWithAnyNames) {
  TopData data = some_data();
  data.where = hostile;
  for (int i = 0; i < 300; ++i) {
    data.queues.push_back(queue(hostile + std::to_string(i)));
    data.workers.push_back(data.workers.front());
    data.workers.back().name = std::string(200, 'w') + hostile;
    data.workers.back().queues = {hostile, "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"};
    data.failed.push_back(failure(hostile, hostile));
    data.running.push_back(failure(hostile, ""));
    data.running.back().job.progress = Progress{.done = 1, .total = 2, .note = hostile, .at = noon};
    data.scheduled.push_back(failure(hostile, ""));
  }
  std::vector<TopState> states(9);
  for (std::size_t i = 0; i < view_count; ++i) states[i].view = static_cast<View>(i);
  states[6].help = true;
  states[7].typing = hostile;
  states[8].question = hostile;
  for (TopState& state : states) {
    for (const std::size_t selected : {std::size_t{0}, std::size_t{150}, std::size_t{100000}}) {
      state.selected = selected;
      for (const ScreenSize size : {ScreenSize{80, 24}, ScreenSize{120, 40}, ScreenSize{300, 100}, ScreenSize{40, 10},
                                    ScreenSize{20, 5}, ScreenSize{5, 2}, ScreenSize{1, 1}}) {
        const auto lines = lay_out(data, state, size);
        ASSERT_EQ(lines.size(), size.rows);
        for (const ScreenLine& line : lines) {
          EXPECT_LE(width(line.text), size.columns) << line.text;
          EXPECT_EQ(line.text, printable(line.text));
        }
      }
    }
  }
}

TEST(TopScreen, DrawingSendsNoControlCharactersOfTheData) {
  TopData data = some_data();
  data.queues[0].name = hostile;
  const std::string bytes = drawn(lay_out(data, {}, {}), {}, false);
  EXPECT_FALSE(has(bytes, "\x1b[2J"));
  EXPECT_FALSE(has(bytes, "\x07"));
  EXPECT_FALSE(has(bytes, "\x1b[31m")) << "a colour, though there should be none";
  EXPECT_TRUE(has(drawn(lay_out(data, {}, {}), {}, true), "\x1b[31m"));
}

TEST(TopScreen, TheSelectedRowIsAlwaysSeen) {
  TopData data = some_data();
  data.queues.clear();
  for (int i = 100; i < 200; ++i) data.queues.push_back(queue("q" + std::to_string(i)));
  for (std::size_t selected = 0; selected < 100; ++selected) {
    for (const View view : {View::all, View::queues}) {
      const auto lines = lay_out(data, {.view = view, .selected = selected}, {80, 24});
      const auto found = std::find_if(lines.begin(), lines.end(), [](const ScreenLine& line) {
        return line.style == ScreenLine::Style::selected;
      });
      ASSERT_NE(found, lines.end()) << selected;
      EXPECT_TRUE(has(found->text, "q" + std::to_string(100 + selected))) << found->text;
    }
  }
}

TEST(TopScreen, TheHelpFits) {
  const auto lines = lay_out(some_data(), {.help = true}, {80, 24});
  const std::string text = text_of(lines);
  EXPECT_TRUE(has(text, "a tenth of the time")) << text;
  for (const ScreenLine& line : lines) EXPECT_FALSE(has(line.text, "\xe2\x80\xa6")) << "cut: " << line.text;
}

TEST(TopScreen, FilterAndSortChooseQueues) {
  TopData data = some_data();
  EXPECT_EQ(queues_shown(data, {.filter = "ai"}).size(), 1U);
  const auto by_failures = queues_shown(data, {.sort = Sort::failed});
  ASSERT_EQ(by_failures.size(), 2U);
  EXPECT_EQ(by_failures[0].name, "mail");
}

TEST(TopScreen, OnlyListsThatAreShownAreRead) {
  const ScreenSize size{80, 24};
  EXPECT_EQ(wish_for({.view = View::queues}, size, 7).failed, 0U);
  EXPECT_EQ(wish_for({.view = View::queues}, size, 7).cap, 7U);
  EXPECT_EQ(wish_for({.view = View::running}, size, 7).running, 24U);
  EXPECT_EQ(wish_for({.view = View::running}, {80, 5000}, 7).running, 200U);
}

TEST(TopKeys, ChooseViewsAndRows) {
  const TopData data = some_data();
  TopState state;
  EXPECT_EQ(press('j', state, data).kind, Kind::none);
  EXPECT_EQ(state.selected, 1U);
  press(key_down, state, data);
  EXPECT_EQ(state.selected, 1U) << "there are two queues";
  press(key_up, state, data);
  press('k', state, data);
  EXPECT_EQ(state.selected, 0U);
  EXPECT_EQ(press('4', state, data).kind, Kind::refresh);
  EXPECT_EQ(state.view, View::failed);
  press('9', state, data);
  EXPECT_EQ(state.view, View::failed) << "no such view";
  press('?', state, data);
  EXPECT_TRUE(state.help);
  EXPECT_EQ(press('R', state, data).kind, Kind::none) << "any key ends the help";
  EXPECT_FALSE(state.help);
  EXPECT_EQ(press('q', state, data).kind, Kind::quit);
}

TEST(TopKeys, ChangesAreAboutTheSelection) {
  const TopData data = some_data();
  TopState state;
  press('j', state, data);
  TopRequest request = press('R', state, data);
  EXPECT_EQ(request.kind, Kind::retry);
  ASSERT_TRUE(request.queue);
  EXPECT_EQ(request.queue->name, "mail");
  EXPECT_EQ(press('p', state, data).kind, Kind::pause_or_resume);
  press('4', state, data);
  request = press('D', state, data);
  EXPECT_EQ(request.kind, Kind::erase);
  ASSERT_TRUE(request.job);
  EXPECT_EQ(request.job->id, data.failed[0].job.id);
  EXPECT_EQ(press('p', state, data).kind, Kind::none) << "jobs are not paused";
  press('6', state, data);
  EXPECT_EQ(press('C', state, data).kind, Kind::none) << "nor are workers cancelled";
  TopState empty;
  EXPECT_EQ(press('R', empty, TopData{}).kind, Kind::none) << "there is nothing to retry";
}

TEST(TopKeys, OnlyYesIsYes) {
  const TopData data = some_data();
  for (const int key : std::vector<int>{'n', 'q', 'R', '\r', ' ', key_escape, key_down}) {
    TopState state;
    state.question = "Retry 5 jobs?";
    EXPECT_EQ(press(key, state, data).kind, Kind::none) << key;
    EXPECT_EQ(state.question, "");
    EXPECT_EQ(state.message, "nothing was changed");
  }
  TopState state;
  state.question = "Retry 5 jobs?";
  EXPECT_TRUE(has(shown(data, state), "Retry 5 jobs? y/n"));
  EXPECT_EQ(press('y', state, data).kind, Kind::yes);
}

TEST(TopKeys, AFilterIsTyped) {
  const TopData data = some_data();
  TopState state;
  press('/', state, data);
  for (const char key : std::string("qma\xc3\xa4\x7f")) press(static_cast<unsigned char>(key), state, data);
  EXPECT_EQ(state.typing, "qma") << "a character of two bytes goes at once";
  press('\r', state, data);
  EXPECT_FALSE(state.typing);
  EXPECT_EQ(state.filter, "qma");
  EXPECT_TRUE(has(shown(data, state), "filter: qma"));
  press('/', state, data);
  press('x', state, data);
  press(key_escape, state, data);
  EXPECT_EQ(state.filter, "qma") << "given up";
  press(key_escape, state, data);
  EXPECT_EQ(state.filter, "");
}

TEST(TopKeys, AreReadFromWhatATerminalSends) {
  EXPECT_EQ(keys_in("jk"), (std::vector<int>{'j', 'k'}));
  EXPECT_EQ(keys_in("\x1b[A\x1b[B\x1bOA"), (std::vector<int>{key_up, key_down, key_up}));
  EXPECT_EQ(keys_in("\x1b"), (std::vector<int>{key_escape}));
  EXPECT_EQ(keys_in("\x1b[15~q"), (std::vector<int>{'q'})) << "F5 is no key of ours";
  EXPECT_EQ(keys_in("\x1b[1;2"), (std::vector<int>{}));
}

QueueStats stats(const std::string& name, std::uint64_t pending, std::uint64_t done, bool capped = false) {
  QueueStats stats;
  stats.queue.name = name;
  stats.counts[JobState::pending] = {pending, capped};
  stats.counts[JobState::success] = {done, false};
  return stats;
}

TEST(TopRates, AreKnownFromTheSecondLookOn) {
  Rates rates;
  const SteadyPoint start{seconds(100)};
  EXPECT_FALSE(rates.step(start, {stats("mail", 10, 0)}, {}, false).at("mail").in);
  const Rate rate = rates.step(start + seconds(2), {stats("mail", 12, 0)}, {{"mail", 8}}, false).at("mail");
  EXPECT_EQ(rate.in, 4.0);
  EXPECT_EQ(rate.out, 3.0) << "8 came, and there are only 2 more";
  EXPECT_FALSE(rate.in_or_more);
}

TEST(TopRates, DeletionsOfFinishedJobsDoNotDisturb) {
  Rates rates;
  const SteadyPoint start{seconds(100)};
  static_cast<void>(rates.step(start, {stats("mail", 10, 5000)}, {}, false));
  EXPECT_EQ(rates.step(start + seconds(1), {stats("mail", 0, 0)}, {}, false).at("mail").out, 10.0);
}

TEST(TopRates, AreLeftOutWhereTheyCannotBeKnown) {
  Rates rates;
  const SteadyPoint start{seconds(100)};
  static_cast<void>(rates.step(start, {stats("a", 1000, 0, true), stats("b", 5, 0)}, {}, false));
  auto second = rates.step(start + seconds(1), {stats("a", 900, 0), stats("b", 9, 0)}, {{"a", 5}}, false);
  EXPECT_EQ(second.at("a").in, 5.0);
  EXPECT_FALSE(second.at("a").out) << "it was capped";
  EXPECT_FALSE(second.at("b").out) << "it grew though none came: somebody retried";
  const auto third = rates.step(start + seconds(2), {stats("a", 800, 0), stats("b", 9, 0)}, {{"a", 2000}}, true);
  EXPECT_EQ(third.at("a").in, 2000.0);
  EXPECT_TRUE(third.at("a").in_or_more);
  EXPECT_FALSE(third.at("a").out);
}

TEST(Pace, TellsRateAndTimeLeft) {
  EXPECT_EQ(pace(0, 100, seconds(0), "jobs"), "0 of 100 jobs (0 %)");
  EXPECT_EQ(pace(12345, 100000, seconds(2), "jobs"), "12,345 of 100,000 jobs (12 %), 6,173/s, 15s left");
  EXPECT_EQ(pace(100, 100, seconds(1), "jobs"), "100 of 100 jobs (100 %), 100/s");
  EXPECT_EQ(pace(5, {}, seconds(1), "jobs"), "5 jobs, 5/s") << "the total is not known";
  EXPECT_EQ(pace(101, 100, seconds(1), "jobs"), "101 jobs, 101/s") << "nor is it, when there are more";
  EXPECT_EQ(pace(0, 0, seconds(1), "jobs"), "0 of 0 jobs");
}

}  // namespace
}  // namespace sqlq::tool::screen_test
