#include <gtest/gtest.h>

#include "sql/doubt.hpp"
#include "support/expect_error.hpp"

namespace sqlq::sql {
namespace {

using testing::has;

TEST(InDoubt, OnePieceOfAdviceIsEnough) {
  for (const std::string_view said : {next_call_connects, look_for_the_server}) {
    const Error lost(Errc::connection, "the connection broke; " + std::string(said), "fake", 7, "claim");
    const Error unknown = in_doubt(lost);
    EXPECT_EQ(unknown.what(), "the connection broke; " + std::string(may_be_done));
    EXPECT_TRUE(unknown.outcome_unknown());
    EXPECT_EQ(unknown.backend() + unknown.statement(), "fakeclaim");
    EXPECT_EQ(unknown.native_code(), 7);
  }
}

TEST(InDoubt, WhatElseItSaysStays) {
  const Error error(Errc::busy, "no space; free some", "fake");
  EXPECT_TRUE(has(in_doubt(error, "repeat it").what(), "no space; free some; repeat it"));
}

}  // namespace
}  // namespace sqlq::sql
