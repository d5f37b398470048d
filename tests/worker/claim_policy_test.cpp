// What must hold of the rules for claims, whatever their numbers are.

#include <gtest/gtest.h>

#include "worker/claim_policy.hpp"

namespace sqlq::testing {
namespace {

using namespace std::chrono_literals;
using worker::policy::Load;

/// Calls `check` with a load of every shape.
template <class Check>
void for_each_load(Check check) {
  for (const std::size_t slots : {1U, 2U, 8U, 16U, 100U, 4096U}) {
    for (const std::size_t free : {std::size_t{0}, std::size_t{1}, slots / 2, slots}) {
      for (const std::size_t unwritten : {0U, 1U, 1999U, 2000U, 5000U}) {
        for (const bool backlog : {false, true}) {
          for (const bool about : {false, true}) {
            for (const bool handing : {false, true}) check(Load{slots, free, unwritten, backlog, about, handing});
          }
        }
      }
    }
  }
}

TEST(ClaimPolicy, NeverAsksForMoreThanThereAreFreeSlots) {
  for_each_load([](const Load& load) {
    EXPECT_LE(worker::policy::worth_claiming(load), load.free);
    EXPECT_LE(worker::policy::worth_claiming(load), worker::policy::room(load));
  });
}

TEST(ClaimPolicy, OutcomesThatWaitAndClaimsTogetherStayBounded) {
  for_each_load([](const Load& load) {
    const std::size_t most = std::max(worker::policy::most_unwritten, load.unwritten);
    EXPECT_LE(load.unwritten + worker::policy::room(load), most);
  });
}

/// No worker stands still with free slots: something is about to happen that makes it look again, or it claims.
TEST(ClaimPolicy, AFreeSlotIsWorthAClaimWhenNothingIsAboutToStart) {
  for_each_load([](const Load& load) {
    if (load.about_to_start || (load.handing_over && load.unwritten > 0)) return;
    EXPECT_EQ(worker::policy::worth_claiming(load), worker::policy::room(load));
  });
}

TEST(ClaimPolicy, WithoutABacklogEveryFreeSlotIsWorthAClaim) {
  for_each_load([](const Load& load) {
    if (load.backlog || (load.handing_over && load.unwritten > 0)) return;
    EXPECT_EQ(worker::policy::worth_claiming(load), worker::policy::room(load));
  });
}

TEST(ClaimPolicy, AnEmptyWorkerClaims) {
  for_each_load([](Load load) {
    load.free = load.slots;
    load.unwritten = 0;
    EXPECT_EQ(worker::policy::worth_claiming(load), worker::policy::room(load));
  });
}

TEST(ClaimPolicy, MoreFreeSlotsAreNeverWorthLess) {
  for_each_load([](Load load) {
    const std::size_t now = worker::policy::worth_claiming(load);
    load.free = std::min(load.free + 1, load.slots);
    EXPECT_GE(worker::policy::worth_claiming(load), now);
  });
}

TEST(ClaimPolicy, AWorkerIsNeverIdleForLongerThanItsPoll) {
  for (const Duration longest : {1ms, 100ms, 10000ms}) {
    for (const bool hints : {false, true}) {
      EXPECT_EQ(worker::policy::poll(longest, hints, {}), longest);
      Duration last = 0ms;
      for (const Duration since : {0ms, 1ms, 30ms, 1000ms, 3600000ms}) {
        const Duration wait = worker::policy::poll(longest, hints, since);
        EXPECT_GT(wait, 0ms);
        EXPECT_LE(wait, longest);
        EXPECT_GE(wait, last);
        last = wait;
      }
      EXPECT_EQ(last, longest);
    }
  }
}

TEST(ClaimPolicy, ARestIsNoLongerThanTheClaim) {
  for (const Duration took : {0ms, 1ms, 70ms, 5000ms}) {
    EXPECT_LE(worker::policy::rest(took), took);
    EXPECT_LE(worker::policy::rest(took), worker::policy::longest_rest);
  }
}

TEST(ClaimPolicy, OutcomesGatherOnlyForJobsThatEndInLessThanATransaction) {
  for (const Duration took : {0ms, 1ms, 70ms, 5000ms}) {
    EXPECT_LE(worker::policy::gather(took, 0), took);
    EXPECT_LE(worker::policy::gather(took, 0), worker::policy::longest_rest);
    EXPECT_EQ(worker::policy::gather(took, 1), 0ms);
  }
  EXPECT_GT(worker::policy::gather(1ms, 0), 0ms);
}

TEST(ClaimPolicy, ToWaitInVainIsRare) {
  for (const Duration waited : {1ms, 50ms}) EXPECT_GE(worker::policy::after_vain(waited), 10 * waited);
}

}  // namespace
}  // namespace sqlq::testing
