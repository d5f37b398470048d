#include <limits>
#include <string>

#include <gtest/gtest.h>

#include <sqlq/enqueue.hpp>
#include <sqlq/json.hpp>

#include "support/expect_error.hpp"

namespace sqlq {
namespace {

using testing::error_of;
using testing::has;

std::string refused(std::string_view text, const PayloadLimits& limits = {}) {
  return error_of(Errc::invalid_argument, [&] { check_json(text, limits, "the params"); });
}

std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

TEST(CheckJson, TakesEveryKindOfValue) {
  for (const char* text : {"null", "true", "false", "0", "-1.5e-7", "18446744073709551615",
                           "123456789012345678901234567890", "\"\"", "\"\\u00e9\\ud83d\\ude00 \xC3\xA9\"", "[]", "{}",
                           " [1, {\"a\": [2]}] \n"}) {
    EXPECT_NO_THROW(check_json(text, {}, "x")) << text;
  }
}

TEST(CheckJson, RefusesWhatIsNotOneDocument) {
  for (const char* text : {"", " ", "nul", "nulll", "[1,]", "[1", "{\"a\"}", "{\"a\":1", "\"abc", "\"a\nb\"", "\"\\x\"",
                           "01", "+1", "1.", "NaN", "1 2", "[] []", "{} //", "/**/1", "'a'", "\"\\ud800\"",
                           "\"\\udc00\"", "]", "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(refused(text).empty()) << text;
  }
}

TEST(CheckJson, MessagesTellThePlaceAndNotTheContent) {
  const std::string message = refused("{\"card\": 4111 1111}");
  EXPECT_TRUE(has(message, "the params is not JSON: error at byte")) << message;
  EXPECT_FALSE(has(message, "4111"));
  EXPECT_FALSE(has(refused("[\"secret\", \"secret"), "secret"));
}

TEST(CheckJson, LimitsTheSize) {
  EXPECT_NO_THROW(check_json("[1,2]", {.max_bytes = 5}, "x"));
  EXPECT_TRUE(has(refused("[1,2]", {.max_bytes = 4}), "has 5 bytes; at most 4"));
  const std::string large = '"' + std::string((std::size_t{1} << 20) - 2, 'x') + '"';
  EXPECT_NO_THROW(check_json(large, {}, "x"));
  EXPECT_FALSE(refused(large + ' ').empty());
}

TEST(CheckJson, LimitsTheDepth) {
  EXPECT_NO_THROW(check_json(nested(100), {}, "x"));
  EXPECT_TRUE(has(refused(nested(101)), "100 levels"));
  EXPECT_NO_THROW(check_json("[[],[],[[]]]", {.max_depth = 3}, "x"));
  EXPECT_FALSE(refused(R"({"a":{"b":[{}]}})", {.max_depth = 3}).empty());
  EXPECT_NO_THROW(check_json("1", {.max_depth = 0}, "x"));
}

TEST(CheckJson, SurvivesAMebibyteOfBrackets) {
  const std::string brackets(std::size_t{1} << 20, '[');
  EXPECT_TRUE(has(refused(brackets), "nested deeper"));
  EXPECT_TRUE(has(refused(brackets, {.max_depth = 1 << 30}), "not JSON"));
  EXPECT_NO_THROW(check_json(nested(std::size_t{1} << 19), {.max_depth = 1 << 30}, "x"));
}

TEST(CheckJson, RefusesNul) {
  EXPECT_TRUE(has(refused(std::string_view("null\0", 5)), "NUL byte, at byte 5"));
  EXPECT_TRUE(has(refused(std::string_view("\"a\0b\"", 5)), "NUL"));
  EXPECT_TRUE(has(refused("\"a\\u0000b\""), "\\u0000"));
  EXPECT_TRUE(has(refused(R"({"\u0000": 1})"), "NUL"));
  EXPECT_NO_THROW(check_json(R"("\\u0000")", {}, "x"));
}

TEST(CheckJson, RefusesBrokenUtf8) {
  for (const char* text : {"\"\x80\"", "\"\xC3\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"",
                           "\"\xFF\"", "{\"\xE2\x82\":1}"}) {
    EXPECT_TRUE(has(refused(text), "not valid UTF-8")) << text;
  }
}

TEST(CheckJson, RefusesNumbersThatNoDoubleHolds) {
  EXPECT_TRUE(has(refused("[1e400]"), "too large for a double"));
  EXPECT_TRUE(has(refused("-1e400"), "too large for a double"));
  EXPECT_NO_THROW(check_json("1e-400", {}, "x"));
}

TEST(JsonCodec, GoesBothWaysAndRefusesOtherShapes) {
  using Numbers = std::vector<int>;
  EXPECT_EQ(codec<Numbers>::decode(codec<Numbers>::encode({1, 2, 3})), (Numbers{1, 2, 3}));
  const std::string message = error_of(Errc::invalid_argument, [] {
    static_cast<void>(codec<Numbers>::decode("{\"secret\":1}"));
  });
  EXPECT_FALSE(has(message, "secret"));
  EXPECT_THROW(static_cast<void>(codec<std::string>::encode("\xFF")), Error);
}

struct Lenient {
  int n = 0;
  std::string text{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(Lenient, n, text)
};
struct Strict {
  int n = 0;
  std::vector<int> list{};
  NLOHMANN_DEFINE_TYPE_INTRUSIVE(Strict, n, list)
};

template <class T>
std::string misread(std::string_view text) {
  return error_of(Errc::invalid_argument, [&] { static_cast<void>(codec<T>::decode(text)); });
}

TEST(JsonCodec, SaysWhatDiffersAndNamesMembersOfTheTypeOnly) {
  EXPECT_TRUE(has(misread<Lenient>("null"), "it is null, not an object"));
  EXPECT_TRUE(has(misread<Lenient>(R"("hunter2")"), "it is string, not an object"));
  EXPECT_TRUE(has(misread<Lenient>("[]"), "it is array, not an object"));
  EXPECT_TRUE(has(misread<Lenient>(R"({"text":"hunter2","n":"hunter2"})"), "its member 'n' is string, not number"));
  EXPECT_TRUE(has(misread<Strict>(R"({"n":1,"lost":2})"), "its member 'list' is missing; the WITH_DEFAULT macro"));
  EXPECT_TRUE(has(misread<Strict>(R"({"n":1,"list":["hunter2"]})"), "its member 'list' has another shape"));
  EXPECT_TRUE(has(misread<std::vector<int>>(R"(["hunter2"])"), "a value in it has another type"));
  for (const std::string& said : {misread<Lenient>(R"("hunter2")"), misread<Lenient>(R"({"hunter2":1,"n":"hunter2"})"),
                                  misread<Strict>(R"({"n":1,"hunter2":2})"), misread<Lenient>("null")}) {
    EXPECT_FALSE(has(said, "hunter2")) << said;
    EXPECT_TRUE(has(said, "nlohmann::json error")) << said;
  }
  EXPECT_FALSE(has(misread<Lenient>("null"), "WITH_DEFAULT")) << "it would not help";
}

TEST(JsonCodec, NamesANumberThatIsNotFiniteByItsPointer) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const auto refused_at = [](const nlohmann::json& value) {
    return error_of(Errc::invalid_argument, [&] { static_cast<void>(codec<nlohmann::json>::encode(value)); });
  };
  EXPECT_TRUE(has(refused_at(nan), "''"));
  EXPECT_TRUE(has(refused_at({{"a", {1.0, -infinite}}, {"b", nullptr}}), "'/a/1'"));
  EXPECT_TRUE(has(refused_at({{"x/y", {{"z~", nan}}}, {"secret", "hunter2"}}), "'/x~1y/z~0'"));
  EXPECT_FALSE(has(refused_at({{"price", infinite}, {"secret", "hunter2"}}), "hunter2"));
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { codec<std::vector<double>>::encode({1, nan}); }), "'/1'"));
  EXPECT_EQ(codec<nlohmann::json>::encode({{"null", nullptr}, {"n", 1.5}}), R"({"n":1.5,"null":null})");
}

}  // namespace
}  // namespace sqlq
