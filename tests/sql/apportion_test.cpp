#include "sql/apportion.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

namespace sqlq::sql {
namespace {

Lane lane(std::int64_t id, std::int64_t queue, std::int64_t queue_priority = 1) {
  Lane l;
  l.id = id;
  l.queue_id = queue;
  l.queue_priority = queue_priority;
  return l;
}

Lane limited(Lane l, std::int64_t room) {
  l.concurrency = 100;
  l.room = room;
  return l;
}

std::map<std::int64_t, std::int64_t> counts(const std::vector<Lane>& lanes, std::vector<Place> places,
                                            std::int64_t limit) {
  std::map<std::int64_t, std::int64_t> found;
  const auto picks = merge(lanes, std::move(places), {.limit = limit, .suspects = 1});
  for (const Portion& p : apportion(lanes, picks)) found[p.lane->id] = p.count;
  return found;
}

using Counts = std::map<std::int64_t, std::int64_t>;

TEST(Apportion, TakesTheBestOverAllLanes) {
  const std::vector<Lane> lanes{lane(1, 1), lane(2, 1)};
  const std::vector<Place> places{{1, 10, 100, 1}, {1, 10, 300, 4}, {1, 20, 0, 5}, {2, 10, 200, 2}, {2, 10, 300, 3}};
  EXPECT_EQ(counts(lanes, places, 1), (Counts{{1, 1}}));
  EXPECT_EQ(counts(lanes, places, 2), (Counts{{1, 1}, {2, 1}}));
  EXPECT_EQ(counts(lanes, places, 3), (Counts{{1, 1}, {2, 2}})) << "of equals the one inserted first";
  EXPECT_EQ(counts(lanes, places, 100), (Counts{{1, 3}, {2, 2}}));
}

TEST(Apportion, TheQueuesPriorityComesFirst) {
  const std::vector<Lane> lanes{lane(1, 1, 5), lane(2, 2, 1)};
  EXPECT_EQ(counts(lanes, {{1, 0, 0, 1}, {2, 99, 99, 2}}, 1), (Counts{{2, 1}}));
}

TEST(Apportion, AQueueGetsNoMoreThanItsRoomOverAllItsLanes) {
  const std::vector<Lane> lanes{limited(lane(1, 7), 2), limited(lane(2, 7), 2), lane(3, 8)};
  const std::vector<Place> places{{1, 1, 1, 1}, {1, 1, 3, 3}, {2, 1, 2, 2}, {2, 1, 4, 4}, {3, 1, 9, 9}};
  EXPECT_EQ(counts(lanes, places, 3), (Counts{{1, 1}, {2, 1}, {3, 1}}));
}

TEST(Apportion, OfAllSuspectsTheFirstWithRoomIsTaken) {
  const std::vector<Lane> lanes{lane(1, 1), lane(-1, 1), limited(lane(-2, 7), 0), lane(-3, 2)};
  const std::vector<Place> places{{1, 1, 5, 5}, {-1, 1, 2, 2}, {-1, 1, 3, 3}, {-2, 1, 1, 1}, {-3, 1, 4, 4}};
  EXPECT_EQ(counts(lanes, places, 5), (Counts{{1, 1}, {-1, 1}}));
  EXPECT_EQ(lane(-1, 1).at_most(5, 1), 1);
  EXPECT_EQ(limited(lane(-1, 1), 0).at_most(5, 1), 0);
  EXPECT_EQ(limited(lane(1, 1), 3).at_most(5, 1), 3);
  EXPECT_EQ(lane(1, 1).at_most(5, 1), 5);
}

/// Lanes of a table, and what was read of it.
struct LanesTable {
  std::map<std::int64_t, std::vector<Place>> places;
  std::vector<std::int64_t> reads{};    // their lanes
  std::vector<std::int64_t> counted{};  // queues whose room was asked for
  std::int64_t most_read = 0;

  std::vector<std::int64_t> merge(const std::vector<Lane>& lanes, std::int64_t limit, std::vector<Place> known = {}) {
    const auto more = [this](const Lane& lane, const Place& last, std::int64_t n) {
      reads.push_back(lane.id);
      most_read = std::max(most_read, n);
      std::vector<Place> next;
      for (const Place& p : places[lane.id]) {
        if (rank(0, p) > rank(0, last) && static_cast<std::int64_t>(next.size()) < n) next.push_back(p);
      }
      return next;
    };
    const auto room = [this](const Lane& lane) {
      counted.push_back(lane.queue_id);
      return lane.room;
    };
    std::vector<std::int64_t> seqs;
    for (const Pick& pick : sql::merge(lanes, std::move(known),
                                       {.limit = limit, .suspects = 1, .more = more, .room = room})) {
      EXPECT_EQ(pick.lane->id, pick.place.lane);
      seqs.push_back(pick.place.seq);
    }
    return seqs;
  }
};

LanesTable two_lanes() {
  LanesTable table;
  for (std::int64_t seq = 0; seq < 100; ++seq) {
    const std::int64_t lane = seq % 3 == 0 ? 1 : 2;
    table.places[lane].push_back({lane, 10, seq, seq});
  }
  return table;
}

TEST(Merge, ReadsLanesPieceByPieceInClaimOrder) {
  LanesTable table = two_lanes();
  const auto seqs = table.merge({lane(1, 1), lane(2, 1)}, 60);
  ASSERT_EQ(seqs.size(), 60U);
  for (std::size_t i = 0; i < seqs.size(); ++i) EXPECT_EQ(seqs[i], static_cast<std::int64_t>(i));
  EXPECT_LE(table.reads.size(), 2U * 4) << "1, 4, 16, 64";
}

TEST(Merge, ReadsNothingThatItDoesNotNeed) {
  LanesTable table = two_lanes();
  EXPECT_EQ(table.merge({lane(1, 1), lane(2, 1)}, 1), std::vector<std::int64_t>{0});
  EXPECT_EQ(table.reads, (std::vector<std::int64_t>{1, 2})) << "the first of each, and no more";
  LanesTable alone = two_lanes();
  EXPECT_EQ(alone.merge({lane(1, 1)}, 20).size(), 20U);
  EXPECT_EQ(alone.reads.size(), 1U) << "a lone lane is read at once";
  EXPECT_EQ(alone.most_read, 20);
  LanesTable none = two_lanes();
  EXPECT_TRUE(none.merge({lane(1, 1), lane(2, 1)}, 0).empty());
  EXPECT_TRUE(none.reads.empty());
}

TEST(Merge, ReadsOnFromWhatIsKnown) {
  LanesTable table = two_lanes();
  const auto seqs = table.merge({lane(1, 1), lane(2, 1)}, 2, {{1, 10, 0, 0}, {2, 10, 1, 1}});
  EXPECT_EQ(seqs, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(table.reads, std::vector<std::int64_t>{1}) << "for what may come before the second";
}

TEST(Merge, AsksForTheRoomOfAQueueOnceAndOnlyWhenItsTurnComes) {
  LanesTable table = two_lanes();
  const auto seqs = table.merge({limited(lane(1, 7), 2), limited(lane(2, 7), 2)}, 10);
  EXPECT_EQ(seqs, (std::vector<std::int64_t>{0, 1}));
  EXPECT_EQ(table.counted, std::vector<std::int64_t>{7});
  LanesTable behind = two_lanes();
  behind.merge({lane(1, 1, 1), limited(lane(2, 2, 5), 2)}, 10);
  EXPECT_TRUE(behind.counted.empty()) << "the other lane had enough";
  LanesTable full = two_lanes();
  EXPECT_TRUE(full.merge({limited(lane(1, 7), 0)}, 10).empty());
  EXPECT_TRUE(full.reads.empty()) << "nothing is read of a lone lane without room";
}

TEST(Merge, OfSuspectsNoMoreAreReadThanMayBePicked) {
  LanesTable table = two_lanes();
  table.places[-1] = {{-1, 1, 0, 200}, {-1, 1, 0, 201}};
  EXPECT_EQ(table.merge({lane(-1, 1)}, 10), std::vector<std::int64_t>{200});
  EXPECT_EQ(table.most_read, 1);
}

TEST(Apportion, NoRoomAndNoPlacesGiveNothing) {
  EXPECT_TRUE(counts({limited(lane(1, 7), 0)}, {{1, 1, 1, 1}}, 5).empty());
  EXPECT_TRUE(counts({limited(lane(1, 7), -3)}, {{1, 1, 1, 1}}, 5).empty()) << "a limit that was lowered";
  EXPECT_TRUE(counts({lane(1, 1)}, {}, 5).empty());
}

}  // namespace
}  // namespace sqlq::sql
