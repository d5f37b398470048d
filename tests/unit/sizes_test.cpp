#include <sys/types.h>

#include <ctime>

#include <gtest/gtest.h>

namespace sqlq {
namespace {

// On 32-bit systems as well: else a file over 2 GiB is one of which the system tells nothing, and time ends in 2038.
// Whoever compiles without what cmake/SqlqTargets.cmake defines gets no library that works.
TEST(Sizes, OfFilesAndTimesHave64Bits) {
  static_assert(sizeof(off_t) == 8);
  static_assert(sizeof(std::time_t) == 8);
  SUCCEED();
}

}  // namespace
}  // namespace sqlq
