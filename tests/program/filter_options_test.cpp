// The options that choose jobs, without a database.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "filter_options.hpp"
#include "program/program.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

constexpr TimePoint noon = std::chrono::sys_days(std::chrono::year(2026) / 11 / 29) + std::chrono::hours(12);

/// The options as a command line gives them.
FilterOptions given(std::vector<std::string> words) {
  CLI::App app("test");
  const auto options = add_filter_options(app, true);
  std::reverse(words.begin(), words.end());
  app.parse(std::move(words));
  return *options;
}

JobFilter filter(std::vector<std::string> words) { return given(std::move(words)).filter(noon); }

/// What the refusal says; empty when there was none.
std::string refused(std::vector<std::string> words) {
  try {
    static_cast<void>(filter(std::move(words)));
  } catch (const Exit& exit) {
    EXPECT_EQ(exit.code(), ExitCode::usage);
    return exit.what();
  }
  return {};
}

const std::string first = "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47";
const std::string second = "019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e48";

TEST(FilterOptions, ReadEverything) {
  const JobFilter all = filter({first,     "--id",   second,             "--queue",    "mail,sms", "--queue", "fax",
                                "--kind",  "send",   "--state",          "errored,cancelled", "--key", "k,1",
                                "--older", "7d",     "--newer",          "2026-11-01", "--error",
                                "timed out, really", "--priority",       "1..9"});
  EXPECT_EQ(all.ids, (std::vector{*JobId::parse(first), *JobId::parse(second)}));
  EXPECT_EQ(all.queues, (std::vector<std::string>{"mail", "sms", "fax"}));
  EXPECT_EQ(all.kinds, (std::vector<std::string>{"send"}));
  EXPECT_EQ(all.states, (std::vector{JobState::errored, JobState::cancelled}));
  EXPECT_EQ(all.unique_key, "k,1");
  EXPECT_EQ(*all.created_before, noon - std::chrono::days(7));
  EXPECT_EQ(*all.created_from, TimePoint(std::chrono::sys_days(std::chrono::year(2026) / 11 / 1)));
  EXPECT_EQ(all.error, "timed out, really");
  EXPECT_EQ(all.lowest_priority, 1);
  EXPECT_EQ(all.highest_priority, 9);
}

TEST(FilterOptions, NothingIsNoRestriction) {
  const JobFilter none = filter({});
  EXPECT_TRUE(none.ids.empty() && none.queues.empty() && none.kinds.empty() && none.states.empty());
  EXPECT_FALSE(none.created_before || none.created_from || none.lowest_priority || none.highest_priority);
  EXPECT_TRUE(given({}).empty());
  EXPECT_EQ(given({}).words(), "");
  EXPECT_FALSE(given({first}).empty());
  EXPECT_TRUE(given({first, "--id", second}).only_ids());
  EXPECT_FALSE(given({first, "--queue", "mail"}).only_ids());
}

TEST(FilterOptions, PrioritiesAreNumbersAndRanges) {
  const auto range = [](const std::string& text) {
    const JobFilter f = filter({"--priority", text});
    return std::pair(f.lowest_priority, f.highest_priority);
  };
  using Range = std::pair<std::optional<int>, std::optional<int>>;
  EXPECT_EQ(range("5"), Range(5, 5));
  EXPECT_EQ(range("-5"), Range(-5, -5));
  EXPECT_EQ(range("-5..-1"), Range(-5, -1));
  EXPECT_EQ(range("5.."), Range(5, std::nullopt));
  EXPECT_EQ(range("..5"), Range(std::nullopt, 5));
  for (const char* bad : {"", "..", "high", "1...2", "1..x", "5 ", "99999999999"}) {
    EXPECT_EQ(refused({"--priority", bad}).empty(), std::string_view(bad).empty()) << bad;
  }
}

TEST(FilterOptions, ACommaOfANameIsWrittenWithABackslash) {
  EXPECT_EQ(filter({"--queue", "a\\,b,c"}).queues, (std::vector<std::string>{"a,b", "c"}));
  EXPECT_EQ(filter({"--kind", "App\\Jobs\\Mail"}).kinds, (std::vector<std::string>{"App\\Jobs\\Mail"}));
  EXPECT_EQ(filter({"--queue", "[a,b]"}).queues, (std::vector<std::string>{"[a", "b]"}));
}

TEST(FilterOptions, RefusalsNameTheOptionAndShowTheTextPrintable) {
  EXPECT_EQ(refused({"--state", "broken\x1b[31m"}),
            "--state: 'broken\\x1b[31m' cannot be read; the states are pending, scheduled, waiting, running, "
            "cancelling, success, errored, cancelled");
  EXPECT_EQ(refused({"--id", "42"}).substr(0, 26), "--id: '42' cannot be read;");
  EXPECT_EQ(refused({"--older", "soon"}).substr(0, 31), "--older: 'soon' cannot be read;");
  EXPECT_EQ(refused({"--newer", "7"}).substr(0, 28), "--newer: '7' cannot be read;");
}

TEST(FilterOptions, WordsMeanTheSameJobs) {
  const std::vector<std::string> words{
      first,     "--queue", "a\\,b,it's", "--kind", "App\\Mail", "--state", "errored",          "--key", "-k",
      "--older", "7d",      "--error",    "a\n\xe2\x80\xae" "b", "--newer", "30d", "--priority=-5..-1"};
  const FilterOptions options = given(words);
  const std::string line = options.words(noon);
  EXPECT_EQ(printable(line), line);
  program::Running shell("/bin/bash", {"-c", "printf '%s\\0' " + line}, {});
  const program::Result result = shell.wait();
  ASSERT_EQ(result.code, 0) << line;
  std::vector<std::string> read(1);
  for (const char c : result.out) c == '\0' ? static_cast<void>(read.emplace_back()) : read.back().push_back(c);
  read.pop_back();
  const JobFilter again = given(read).filter(noon + std::chrono::hours(5));  // later, and still the same jobs
  const JobFilter once = options.filter(noon);
  EXPECT_EQ(again.ids, once.ids);
  EXPECT_EQ(again.queues, once.queues);
  EXPECT_EQ(again.kinds, once.kinds);
  EXPECT_EQ(again.states, once.states);
  EXPECT_EQ(again.unique_key, once.unique_key);
  EXPECT_EQ(*again.created_before, *once.created_before);
  EXPECT_EQ(*again.created_from, *once.created_from);
  EXPECT_EQ(again.error, once.error);
  EXPECT_EQ(again.lowest_priority, once.lowest_priority);
  EXPECT_EQ(again.highest_priority, once.highest_priority);
}

TEST(ShellWord, IsQuotedOnlyWhereNeeded) {
  EXPECT_EQ(shell_word("mail"), "mail");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("a\\b"), "'a\\b'");
  EXPECT_EQ(shell_word("\xc3\xa9"), "'\xc3\xa9'");
  EXPECT_EQ(shell_word("a\x1b'"), "$'a\\x1b\\''");
  EXPECT_EQ(shell_word("\xff\\"), "$'\\xff\\\\'");
}

}  // namespace
}  // namespace sqlq::tool
