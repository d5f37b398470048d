#include <algorithm>
#include <numeric>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "core/isolate.hpp"

namespace sqlq::core {
namespace {

/// A storage of numbers that refuses some of them, and the batches it was asked to write.
struct Storage {
  std::set<int> bad{};
  Errc code = Errc::refused;
  std::vector<int> written{};
  int calls = 0;

  std::vector<std::size_t> isolate(std::vector<int>& items, bool works = false) {
    const auto write = [this](std::span<int> some) {
      ++calls;
      if (std::ranges::any_of(some, [this](int n) { return bad.contains(n); })) throw Error(code, "no");
      written.insert(written.end(), some.begin(), some.end());
    };
    std::vector<std::size_t> at;
    for (const Offender& o : core::isolate(std::span(items), write, works)) at.push_back(o.index);
    return at;
  }
};

std::vector<int> numbers(int n) {
  std::vector<int> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(Isolate, WritesAllAtOnceWhenNothingIsRefused) {
  Storage s;
  auto items = numbers(1000);
  EXPECT_TRUE(s.isolate(items).empty());
  EXPECT_EQ(s.calls, 1);
  EXPECT_EQ(s.written, items);
  std::vector<int> none;
  EXPECT_TRUE(s.isolate(none).empty());
  EXPECT_EQ(s.calls, 1);
}

TEST(Isolate, OneOffenderOfAThousandCostsTwoCallsForEachHalving) {
  Storage s{.bad = {637}};
  auto items = numbers(1000);
  EXPECT_EQ(s.isolate(items), std::vector<std::size_t>{637});
  EXPECT_EQ(s.written.size(), 999U) << "innocents harmed: 0";
  EXPECT_LE(s.calls, 1 + 2 * 10);
}

TEST(Isolate, SeveralOffendersAreAllFound) {
  Storage s{.bad = {0, 1, 7, 8, 15}};
  auto items = numbers(16);
  EXPECT_EQ(s.isolate(items), (std::vector<std::size_t>{0, 1, 7, 8, 15}));
  EXPECT_EQ(s.written.size(), 11U);
  Storage all{.bad = {0, 1, 2}};
  auto three = numbers(3);
  EXPECT_EQ(all.isolate(three).size(), 3U) << "each was refused by name";
}

TEST(Isolate, WhatPassesOrIsToBeMendedForAllIsThrownAndNotHalved) {
  for (const Errc code : {Errc::busy, Errc::connection, Errc::outcome_unknown, Errc::retry_transaction, Errc::schema,
                          Errc::permission, Errc::configuration, Errc::corrupt, Errc::wrong_node}) {
    Storage s{.bad = {3}, .code = code};
    auto items = numbers(8);
    EXPECT_THROW(s.isolate(items), Error) << to_string(code);
    EXPECT_EQ(s.calls, 1) << to_string(code);
  }
}

TEST(Isolate, AnUnknownErrorThatAllMeetIsOfTheDatabase) {
  Storage s{.bad = {0, 1, 2, 3}, .code = Errc::internal};
  auto items = numbers(4);
  EXPECT_THROW(s.isolate(items), Error);
  EXPECT_EQ(s.isolate(items, true).size(), 4U) << "unless it was just seen to work";
  Storage one{.bad = {2}, .code = Errc::internal};
  EXPECT_EQ(one.isolate(items), std::vector<std::size_t>{2});
}

TEST(Isolate, TroubleOnTheWayLeavesWrittenWhatWas) {
  std::vector<int> written;
  auto items = numbers(8);
  const auto write = [&](std::span<int> some) {
    if (some.size() == 8) throw Error(Errc::refused, "no");
    if (some.front() == 4) throw Error(Errc::connection, "away");
    written.insert(written.end(), some.begin(), some.end());
  };
  EXPECT_THROW(static_cast<void>(core::isolate(std::span(items), write)), Error);
  EXPECT_EQ(written, (std::vector<int>{0, 1, 2, 3}));
}

/// Replaces n by n + 100, and says what was told.
struct Replacing : ::testing::Test {
  void write(std::vector<int>& items) {
    core::write_or_replace(
        std::span(items),
        [this](std::span<int> some) {
          if (std::ranges::any_of(some, [this](int n) { return bad.contains(n); })) throw Error(code, "no");
          if (std::ranges::any_of(some, [this](int n) { return n == trouble; })) throw Error(Errc::busy, "later");
          written.insert(some.begin(), some.end());
        },
        [](int n, const Error&) { return n + 100; },
        [&](const Offender& o, int instead, bool lost) {
          EXPECT_EQ(instead, items[o.index] + 100);
          (lost ? gone : replaced).insert(items[o.index]);
        });
  }
  std::set<int> bad{};
  int trouble = -1;
  Errc code = Errc::refused;
  std::set<int> written{};
  std::set<int> replaced{};
  std::set<int> gone{};
};

TEST_F(Replacing, WhatIsRefusedIsReplacedAndWhatIsRefusedTwiceIsLost) {
  bad = {2, 5, 105};
  auto items = numbers(8);
  write(items);
  EXPECT_EQ(written, (std::set<int>{0, 1, 3, 4, 6, 7, 102}));
  EXPECT_EQ(replaced, std::set<int>{2});
  EXPECT_EQ(gone, std::set<int>{5});
}

TEST_F(Replacing, WithoutRefusalsNothingIsTold) {
  auto items = numbers(8);
  write(items);
  EXPECT_EQ(written.size(), 8U);
  EXPECT_TRUE(replaced.empty() && gone.empty());
}

TEST_F(Replacing, TroubleOnTheWayIsThrownOnceThoseThatAreSettledWereTold) {
  bad = {2, 5, 6, 105};
  trouble = 106;
  auto items = numbers(8);
  EXPECT_THROW(write(items), Error);
  EXPECT_EQ(written, (std::set<int>{0, 1, 3, 4, 7, 102}));
  EXPECT_EQ(replaced, std::set<int>{2});
  EXPECT_TRUE(gone.empty()) << "the next time says what becomes of 5";
}

TEST_F(Replacing, AnUnknownErrorThatTheReplacementsMeetTooIsTheirsWhenOthersWereWritten) {
  code = Errc::internal;
  bad = {3, 103};
  auto items = numbers(8);
  write(items);
  EXPECT_EQ(gone, std::set<int>{3});
  EXPECT_EQ(written.size(), 7U) << "innocents harmed: 0";
}

}  // namespace
}  // namespace sqlq::core
