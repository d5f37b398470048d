#include "sql/catalogue.hpp"

#include <gtest/gtest.h>

#include <array>

#include <sqlq/error.hpp>

namespace sqlq::sql {
namespace {

TEST(Catalogue, CutsStatementsAtTheirParameters) {
  const Catalogue c("-- name: one\n-- params: a int, b text?\n-- returns: x int, y text?\n"
                    "SELECT :b::int8, ':a', :a + :b\n");
  const Statement& s = c["one"];
  ASSERT_EQ(s.pieces.size(), 4u);
  EXPECT_EQ(s.pieces[0].text, "SELECT ");
  EXPECT_EQ(s.pieces[0].param, 1u);
  EXPECT_EQ(s.pieces[1].text, "::int8, ':a', ");
  EXPECT_EQ(s.pieces[1].param, 0u);
  EXPECT_EQ(s.pieces[2].param, 1u);
  EXPECT_EQ(s.pieces[3].text, "");
  EXPECT_FALSE(s.pieces[3].param.has_value());
  EXPECT_TRUE(s.columns[1].nullable);
}

TEST(Catalogue, RefusesWhatItsAuthorDidNotMean) {
  for (const char* text : {"-- name: a\n-- params: x int\nSELECT 1\n", "-- name: a\nSELECT :x\n",
                           "-- name: a\n-- params: x int, x int\nSELECT :x\n",
                           "-- name: a\n-- params: x real\nSELECT :x\n",
                           "-- name: a\n", "-- name: a\nSELECT 1\n-- name: a\nSELECT 2\n"}) {
    EXPECT_THROW(Catalogue{text}, Error) << text;
  }
  EXPECT_THROW(static_cast<void>(Catalogue("-- name: a\nSELECT 1\n")["b"]), Error);
}

TEST(Catalogue, ExpandPutsTextInThePlaceOfNames) {
  const std::array names{Substitution{"jobs", "\"my schema\".sqlq_jobs"}, Substitution{"now", "clock()"}};
  EXPECT_EQ(expand("SELECT {now} FROM {jobs}, {jobs}", names),
            "SELECT clock() FROM \"my schema\".sqlq_jobs, \"my schema\".sqlq_jobs");
  EXPECT_EQ(expand("SELECT 1", names), "SELECT 1");
  EXPECT_THROW(static_cast<void>(expand("SELECT {nothing}", names)), Error);
  EXPECT_THROW(static_cast<void>(expand("SELECT {jobs", names)), Error);
}

TEST(Catalogue, ExpandPutsPiecesOfTheTextInThePlaceOfTheirNames) {
  const std::array names{Substitution{"jobs", "sqlq_jobs"}};
  const std::string text = "-- for people\n"
                           "-- piece: types\na int,\nb text?\n\n"
                           "-- piece: both\n-- Comments are for people.\n  a,\n  b\n"
                           "-- piece: from\nFROM {jobs}\n WHERE {both} = :x\n\n"
                           "-- name: one\n-- params: x int\n-- returns: {types}\nSELECT {both} {from}\n\n"
                           "-- name: two\nSELECT 2 AS {both}\n";
  EXPECT_EQ(expand(text, names), "-- for people\n"
                                 "-- name: one\n-- params: x int\n-- returns: a int, b text?\n"
                                 "SELECT a, b FROM sqlq_jobs WHERE a, b = :x\n\n"
                                 "-- name: two\nSELECT 2 AS a, b\n");
  const Catalogue c(expand(text, names));
  EXPECT_EQ(c["one"].columns.size(), 2U);
}

TEST(Catalogue, ExpandRefusesPiecesThatComeTooLateOrTwice) {
  const std::array names{Substitution{"jobs", "sqlq_jobs"}};
  for (const char* text : {"-- name: a\nSELECT {b}\n-- piece: b\n1\n", "-- piece: b\n1\n-- piece: b\n2\n",
                           "-- piece: jobs\n1\n", "-- piece: b\n{c}\n-- piece: c\n1\n"}) {
    EXPECT_THROW(static_cast<void>(expand(text, names)), Error) << text;
  }
}

}  // namespace
}  // namespace sqlq::sql
