#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "core/checks.hpp"
#include "support/expect_error.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;
using sqlq::testing::error_of;
using sqlq::testing::has;

std::string refused_name(std::string_view name) {
  return error_of(Errc::invalid_argument, [&] { check_name(name, "the queue name"); });
}

std::string refused(const EnqueueOptions& options) {
  return error_of(Errc::invalid_argument, [&] { check_options(options); });
}

TEST(CheckName, TakesEveryText) {
  for (const std::string& name : {std::string("a"), std::string("a "), std::string("'\"; --"), std::string(255, 'x'),
                                  std::string("\xC3\xA9\xE2\x82\xAC"), std::string("%s\\")}) {
    EXPECT_NO_THROW(check_name(name, "x")) << name;
  }
}

TEST(CheckName, RefusesAndNamesTheReason) {
  EXPECT_TRUE(has(refused_name(""), "the queue name is empty"));
  EXPECT_TRUE(has(refused_name(std::string(256, 'x')), "256 bytes; at most 255"));
  EXPECT_TRUE(has(refused_name("\xFF"), "UTF-8"));
  EXPECT_TRUE(has(refused_name(std::string_view("a\0b", 3)), "NUL"));
  for (const char* name : {"a\nb", "\t", "\x1f", "\x7f", "\xC2\x80", "\xC2\x9F"}) {
    EXPECT_TRUE(has(refused_name(name), "control character")) << name;
  }
  EXPECT_NO_THROW(check_name("\xC2\xA0", "x"));
}

TEST(CheckNames, SortsAndDropsRepetitions) {
  const std::vector<std::string> names{"b", "a", "b", "B"};
  EXPECT_EQ(check_names(names, "x"), (std::vector<std::string>{"B", "a", "b"}));
  EXPECT_THROW(static_cast<void>(check_names(std::vector<std::string>{"a", ""}, "x")), Error);
  EXPECT_THROW(static_cast<void>(check_names(std::vector<std::string>(10'001, "a"), "x")), Error);
}

TEST(CheckOptions, TakesTheEdges) {
  constexpr int most = std::numeric_limits<int>::max();
  constexpr int least = std::numeric_limits<int>::min();
  EXPECT_NO_THROW(check_options({}));
  EXPECT_NO_THROW(check_options({.priority = least, .max_attempts = 1, .max_crashes = 1, .delay = Duration::min()}));
  EXPECT_NO_THROW(check_options({.priority = most, .max_attempts = 1'000'000, .delay = Duration::max()}));
  EXPECT_NO_THROW(check_options({.run_at = TimePoint::min(), .keepalive = 1s, .retention = 0s}));
  EXPECT_NO_THROW(check_options({.run_at = TimePoint::max(), .keepalive = 24h, .retention = Duration::max()}));
  EXPECT_NO_THROW(check_options({.unique_key = std::string(255, 'k'), .timeout = Duration::max()}));
}

TEST(CheckOptions, RefusesHeadersAndNamesTheReason) {
  const auto with = [](Headers headers) { return EnqueueOptions{.headers = std::move(headers)}; };
  EXPECT_NO_THROW(check_options(with({{"sqlq", ""}, {"SQLQ-a", "b"}, {"sqlq.", "c"}})));
  EXPECT_TRUE(has(refused(with({{"a", ""}, {"sqlq-tick", "secret"}, {"z", ""}})), "begins with \"sqlq-\""));
  EXPECT_FALSE(has(refused(with({{"sqlq-tick", "secret"}})), "secret"));
  EXPECT_TRUE(has(refused(with({{"", "a"}})), "the name of a header is empty"));
  EXPECT_TRUE(has(refused(with({{"a", "\x1B"}})), "the value of a header has a control character"));
  EXPECT_TRUE(has(refused(with({{"ab", std::string(16'383, 'v')}})),
                  "the headers have 16385 bytes of names and values; at most 16384"));
  EXPECT_NO_THROW(check_options(with({{"a", std::string(16'383, 'v')}})));
  Headers many;
  for (int i = 0; i < 64; ++i) many[std::to_string(i)] = "";
  EXPECT_NO_THROW(check_options(with(many)));
  EXPECT_TRUE(has(refused({.key = "k", .headers = many}), "65; at most 64")) << "the key is one of them";
  many["one more"] = "";
  EXPECT_TRUE(has(refused(with(many)), "the headers are 65; at most 64 are allowed"));
  EXPECT_NO_THROW(check_headers({{"sqlq-tick", "1"}}, "the headers")) << "of the library";
}

TEST(CheckOptions, RefusesWhatIsOutOfRange) {
  EXPECT_TRUE(has(refused({.queue = ""}), "queue name"));
  EXPECT_TRUE(has(refused({.max_attempts = 0}), "max_attempts"));
  EXPECT_TRUE(has(refused({.max_attempts = 1'000'001}), "max_attempts"));
  EXPECT_TRUE(has(refused({.max_crashes = 0}), "max_crashes"));
  EXPECT_TRUE(has(refused({.delay = 1s, .run_at = TimePoint{}}), "run_at"));
  EXPECT_TRUE(has(refused({.unique_key = ""}), "unique key"));
  EXPECT_TRUE(has(refused({.unique_key = std::string(256, 'k')}), "unique key"));
  EXPECT_TRUE(has(refused({.unique_key = std::string("a\0b", 3)}), "unique key"));
  EXPECT_TRUE(has(refused({.key = ""}), "the key is empty"));
  EXPECT_TRUE(has(refused({.key = "a\nb"}), "the key has a control character"));
  EXPECT_TRUE(has(refused({.keepalive = 999ms}), "keepalive"));
  EXPECT_TRUE(has(refused({.keepalive = 24h + 1us}), "keepalive"));
  EXPECT_TRUE(has(refused({.retention = Duration(-1)}), "retention"));
  EXPECT_TRUE(has(refused({.timeout = Duration(-1)}), "timeout"));
  EXPECT_TRUE(has(refused({.id = JobId{}}), "nil"));
}

TEST(CheckRange, SaysTheRange) {
  EXPECT_NO_THROW(check_range(1, 1, 10, "the limit"));
  EXPECT_NO_THROW(check_range(10, 1, 10, "the limit"));
  const auto fail = [] { check_range(11, 1, 10, "the limit"); };
  EXPECT_EQ(error_of(Errc::invalid_argument, fail), "the limit is 11; 1 to 10 are allowed");
}

TEST(Error, AnswersItsThreeQuestions) {
  for (const Errc code : {Errc::retry_transaction, Errc::busy, Errc::connection, Errc::wrong_node}) {
    EXPECT_TRUE(Error(code, "x").retryable()) << to_string(code);
  }
  for (const Errc code : {Errc::invalid_argument, Errc::misuse, Errc::refused, Errc::permission, Errc::configuration,
                          Errc::schema, Errc::outcome_unknown, Errc::lease_lost, Errc::corrupt, Errc::internal}) {
    EXPECT_FALSE(Error(code, "x").retryable()) << to_string(code);
  }
  EXPECT_TRUE(Error(Errc::outcome_unknown, "x").outcome_unknown());
  EXPECT_TRUE(Error(Errc::outcome_unknown, "x").connection_lost());
  EXPECT_FALSE(Error(Errc::busy, "x").connection_lost());
  const Error error(Errc::busy, "locked", "fake", 5, "claim");
  EXPECT_STREQ(error.what(), "locked");
  EXPECT_EQ(error.backend() + error.statement() + std::to_string(error.native_code()), "fakeclaim5");
}

}  // namespace
}  // namespace sqlq::core
