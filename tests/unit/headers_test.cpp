#include <gtest/gtest.h>

#include "core/headers.hpp"

namespace sqlq::core {
namespace {

TEST(HeadersText, IsAnObjectInTheOrderOfTheNames) {
  EXPECT_EQ(headers_text({}), "");
  EXPECT_EQ(headers_text({{"b", ""}, {"a", "1 \"\\"}}), R"({"a":"1 \"\\","b":""})");
}

TEST(HeadersText, IsReadAsItWasWritten) {
  const Headers headers{{"traceparent", "00-1-2"}, {"\xC3\xA4", "\xF0\x9F\x98\x80"}, {"", ""}};
  EXPECT_EQ(read_headers(headers_text(headers)), headers);
  EXPECT_EQ(read_headers(headers_text({})), Headers{});
}

TEST(HeadersText, ChangedByHandIsReadAsFarAsItMakesSense) {
  EXPECT_EQ(read_headers(R"({"a":1,"b":"2","c":null,"d":["e"]})"), (Headers{{"b", "2"}}));
  for (const char* text : {"", "{", "[\"a\"]", "\"a\"", "null", "{\"a\":\"\xFF\"}", "{\"a\":\"b\"} c"}) {
    EXPECT_EQ(read_headers(text), Headers{}) << text;
  }
}

}  // namespace
}  // namespace sqlq::core
