// The umbrella's open and what the application registered by itself.

#include <gtest/gtest.h>

#include <sqlq/backend/register.hpp>
#include <sqlq/database.hpp>
#include <sqlq/sqlite.hpp>

namespace sqlq {
namespace {

TEST(SqliteRegistry, OpenKeepsAFactoryRegisteredByHand) {
  int opened = 0;
  backend::register_backend("sqlite", [&](const backend::Url& url, std::shared_ptr<Clock> clock) {
    ++opened;
    return sqlite::factory()(url, std::move(clock));
  });
  (void)open("sqlite::memory:");
  EXPECT_EQ(opened, 1);
  backend::register_backend("sqlite", sqlite::factory());
}

}  // namespace
}  // namespace sqlq
