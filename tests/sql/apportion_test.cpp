#include "sql/apportion.hpp"

#include <gtest/gtest.h>

#include <map>

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
  for (const Portion& p : apportion(lanes, std::move(places), limit, 1)) found[p.lane->id] = p.count;
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

TEST(Apportion, NoRoomAndNoPlacesGiveNothing) {
  EXPECT_TRUE(counts({limited(lane(1, 7), 0)}, {{1, 1, 1, 1}}, 5).empty());
  EXPECT_TRUE(counts({limited(lane(1, 7), -3)}, {{1, 1, 1, 1}}, 5).empty()) << "a limit that was lowered";
  EXPECT_TRUE(counts({lane(1, 1)}, {}, 5).empty());
}

}  // namespace
}  // namespace sqlq::sql
