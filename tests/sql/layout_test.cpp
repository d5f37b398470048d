// How tables differ from what is expected.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sql/layout.hpp"
#include "support/findings.hpp"

namespace sqlq::sql {
namespace {

using testing::said_of;

const Layout expected = parse_layout(
    "jobs column id uuid NOT NULL\n"
    "jobs column note text\n"
    "jobs index sqlq_jobs_id UNIQUE btree (id)\n"
    "logs column n bigint NOT NULL DEFAULT 0\n");

TEST(SqlLayout, IsReadAsItIsWritten) {
  EXPECT_EQ(expected.size(), 4U);
  EXPECT_EQ(expected.at({"logs", "column", "n"}), "bigint NOT NULL DEFAULT 0");
  EXPECT_EQ(parse_layout(text_of(expected)), expected);
}

TEST(SqlLayout, NothingIsSaidOfTheSame) { EXPECT_TRUE(differences(expected, expected, false, false).empty()); }

TEST(SqlLayout, WhatIsMissingIsAnError) {
  Layout there = expected;
  there.erase({"jobs", "index", "sqlq_jobs_id"});
  there.erase({"jobs", "column", "note"});
  there.erase({"logs", "column", "n"});
  const auto findings = differences(expected, there, false, false);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings.front().severity, Finding::Severity::error);
  EXPECT_EQ(said_of(findings, "schema_drift"),
            "the table sqlq_logs is missing\n"
            "the column note of sqlq_jobs is missing\n"
            "the index sqlq_jobs_id of sqlq_jobs is missing\n");
}

TEST(SqlLayout, AnotherDefinitionIsAnError) {
  Layout there = expected;
  there[{"jobs", "column", "id"}] = "uuid";
  const auto findings = differences(expected, there, false, false);
  EXPECT_EQ(said_of(findings, "schema_drift"),
            "the column id of sqlq_jobs is \"uuid\", this library expects \"uuid NOT NULL\"\n");
}

TEST(SqlLayout, WhatIsAddedIsANote) {
  Layout there = expected;
  there[{"jobs", "index", "mine"}] = "btree (note)";
  there[{"yours", "column", "a"}] = "text";
  const auto findings = differences(expected, there, false, false);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().severity, Finding::Severity::note);
  EXPECT_EQ(findings.front().sentence, "the index mine of sqlq_jobs (btree (note)) is not of this library");
  EXPECT_TRUE(differences(expected, there, false, true).empty()) << "a later version has made it";
}

TEST(SqlLayout, WhatMayOnlyBeHiddenIsNoError) {
  Layout there = expected;
  there.erase({"jobs", "column", "note"});
  there.erase({"logs", "column", "n"});
  const auto findings = differences(expected, there, true, false);
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings.front().severity, Finding::Severity::note);
  EXPECT_EQ(findings.front().sentence,
            "this user may not look at, or there are not: sqlq_logs, the column note of sqlq_jobs");
}

}  // namespace
}  // namespace sqlq::sql
