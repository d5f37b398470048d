// Marks: claims look from where the first jobs were, when looking everywhere has become slow.

#include <gtest/gtest.h>

#include "sql/due.hpp"
#include "sql/marks.hpp"

namespace sqlq::sql {
namespace {

using namespace std::chrono_literals;

constexpr Duration slow = 10s;  // one such survey makes marks, and they hold longer than the test takes

std::vector<Ready> found(std::int64_t priority = 10) {
  return {{.lane = {.id = 1, .queue = "q", .kind = "k"},
           .first = {.lane = 1, .priority = priority, .due = 5, .seq = 7}}};
}

backend::EnqueueItem item(std::string_view queue, std::string_view kind, int priority) {
  return {.queue = queue, .kind = kind, .priority = priority};
}

TEST(SqlMarks, AreMadeWhenSurveysAreSlowInARow) {
  Marks marks;
  const backend::ClaimRequest request;
  const auto survey = [&](int n, Duration took) {
    for (int i = 0; i < n; ++i) marks.surveyed(request, found(), took);
  };
  survey(7, 5ms);
  survey(1, 1ms);
  survey(7, 5ms);
  EXPECT_TRUE(marks.find(request).empty());
  survey(1, slow);
  ASSERT_EQ(marks.find(request).size(), 1u);
  EXPECT_EQ(marks.find(request).at(0).first.seq, 7);
  marks.forget();
  EXPECT_TRUE(marks.find(request).empty());
}

TEST(SqlMarks, AreOfOneRequest) {
  Marks marks;
  const std::vector<std::string> queues{"q"};
  marks.surveyed({.queues = queues}, found(), slow);
  EXPECT_TRUE(marks.find({}).empty());
  EXPECT_TRUE(marks.find({.queues = queues, .kinds = queues}).empty());
  EXPECT_FALSE(marks.find({.queues = queues}).empty());
}

TEST(SqlMarks, AreNotForWhoOwnsTheTime) {
  Marks marks;
  marks.surveyed({}, found(), slow);
  EXPECT_TRUE(marks.find({.now = Instant{}}).empty());
}

TEST(SqlMarks, EndWhenSomethingIsStoredBeforeThem) {
  const auto kept = [](const backend::EnqueueItem& stored) {
    Marks marks;
    marks.surveyed({}, found(), slow);
    marks.stored({&stored, 1});
    return !marks.find({}).empty();
  };
  EXPECT_TRUE(kept(item("q", "k", 10)));
  EXPECT_TRUE(kept(item("q", "k", 11)));
  EXPECT_FALSE(kept(item("q", "k", 9)));
  EXPECT_FALSE(kept(item("q", "other", 10)));
  EXPECT_FALSE(kept(item("other", "k", 10)));
}

TEST(SqlMarks, MoveOn) {
  Marks marks;
  marks.surveyed({}, found(), slow);
  marks.moved(found(11));
  EXPECT_EQ(marks.find({}).at(0).first.priority, 11);
}

TEST(SqlMarks, GoBackToWhatBecameReadyBeforeThem) {
  Marks marks;
  marks.surveyed({}, found(), slow);
  marks.lowered({{.lane = 1, .priority = 10, .due = 6, .seq = 1}});
  EXPECT_EQ(marks.find({}).at(0).first.seq, 7) << "that is behind it";
  marks.lowered({{.lane = 1, .priority = 10, .due = 4, .seq = 9}, {.lane = 1, .priority = 10, .due = 4, .seq = 8}});
  EXPECT_EQ(marks.find({}).at(0).first.seq, 8);
  marks.lowered({{.lane = 2, .priority = 10, .due = 4, .seq = 9}});
  EXPECT_TRUE(marks.find({}).empty()) << "there is no mark in its lane";
}

}  // namespace
}  // namespace sqlq::sql
