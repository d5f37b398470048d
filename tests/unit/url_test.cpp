#include <string>

#include <gtest/gtest.h>

#include <sqlq/backend/url.hpp>

#include "support/expect_error.hpp"

namespace sqlq::backend {
namespace {

using namespace std::chrono_literals;
using sqlq::testing::error_of;
using sqlq::testing::has;

std::string refused(std::string_view text) {
  return error_of(Errc::invalid_argument, [&] { static_cast<void>(Url::parse(text)); });
}

std::string refused_authority(std::string_view text) {
  const Url url = Url::parse(text);
  return error_of(Errc::invalid_argument, [&] { static_cast<void>(url.authority()); });
}

TEST(Url, FilesAreNamedInFourForms) {
  const auto rest = [](std::string_view text) { return Url::parse(text).rest(); };
  EXPECT_EQ(rest("x:rel.db"), "rel.db");
  EXPECT_EQ(rest("x://rel.db"), "rel.db");
  EXPECT_EQ(rest("x:///abs/file.db"), "/abs/file.db");
  EXPECT_EQ(rest("x:/abs/file.db"), "/abs/file.db");
  EXPECT_EQ(rest("x::memory:"), ":memory:");
  EXPECT_EQ(rest("x:"), "");
  EXPECT_FALSE(Url::parse("x:rel.db").has_authority());
  EXPECT_TRUE(Url::parse("x:///abs").has_authority());
}

TEST(Url, FileNamesMayLookLikeServers) {
  const Url url = Url::parse("x://a:b@c:d/[e.db");
  EXPECT_EQ(url.rest(), "a:b@c:d/[e.db");
  EXPECT_THROW(static_cast<void>(url.authority()), Error);
}

TEST(Url, DecodesPercentAndKeepsPlus) {
  const Url url = Url::parse("X+1:a%20b%3Fc+d%25?note=1%262%3d3+4");
  EXPECT_EQ(url.scheme(), "x+1");
  EXPECT_EQ(url.rest(), "a b?c+d%");
  EXPECT_EQ(url.option("note"), "1&2=3+4");
}

TEST(Url, ReadsAnAuthority) {
  const Url::Authority a = Url::parse("x://us%40er:p%3Aw@h1:1,h2,[::1]:65535/d%2Fb/c?o=v").authority();
  EXPECT_EQ(a.user, "us@er");
  EXPECT_EQ(a.password, "p:w");
  ASSERT_EQ(a.hosts.size(), 3U);
  EXPECT_EQ(a.hosts[0], (std::pair<std::string, int>("h1", 1)));
  EXPECT_EQ(a.hosts[1], (std::pair<std::string, int>("h2", 0)));
  EXPECT_EQ(a.hosts[2], (std::pair<std::string, int>("::1", 65535)));
  EXPECT_EQ(a.path, "d/b/c");
}

TEST(Url, EveryPartOfAnAuthorityMayBeMissing) {
  const Url::Authority nothing = Url::parse("x://").authority();
  EXPECT_TRUE(nothing.user.empty() && !nothing.password && nothing.hosts.empty() && nothing.path.empty());
  EXPECT_EQ(Url::parse("x:///db").authority().path, "db");
  EXPECT_EQ(Url::parse("x://u@/db").authority().user, "u");
  EXPECT_FALSE(Url::parse("x://u@h").authority().password);
  EXPECT_EQ(Url::parse("x://u:@h").authority().password, "");
  EXPECT_EQ(Url::parse("x://:7/db").authority().hosts.at(0).second, 7);
  EXPECT_EQ(Url::parse("x://%2Frun%2Fdb/name").authority().hosts.at(0).first, "/run/db");
  EXPECT_EQ(Url::parse("x://h/d%40b").authority().path, "d@b");
}

TEST(Url, RefusesMalformedAuthorities) {
  for (const char* text : {"x://h:0", "x://h:65536", "x://h:", "x://h:1x", "x://h:-1", "x://h1,,h2", "x://h1,", "x://,",
                           "x://[::1", "x://[::1]9", "x:h", "x://h/d@b"}) {
    EXPECT_FALSE(refused_authority(text).empty()) << text;
  }
}

TEST(Url, RefusesMalformedTexts) {
  for (const char* text : {"", "rel.db", ":x", "1x:a", "x y:a", "/a:b", "x:%", "x:%4", "x:%zz", "x:%00", "x:a?b",
                           "x:a?=1", "x:a?b=1&b=2", "x:a?b=1&&c=2", "x:a?b=1&", "x:a?b=%0", "x:a?b c=1"}) {
    EXPECT_FALSE(refused(text).empty()) << text;
  }
  EXPECT_FALSE(refused(std::string_view("x:a\0b", 5)).empty());
  EXPECT_TRUE(has(refused("x:ab%zz"), "character 5"));
  EXPECT_TRUE(has(refused("x:a?b=1&b=2"), "'b' twice"));
  EXPECT_EQ(Url::parse("x:a?").rest(), "a");
}

TEST(Url, ReadsTypedOptions) {
  const Url url = Url::parse("x:a?f=on&g=0&n=-5&big=99999999999999999999&t=250ms&h=1h&z=0&bad=5&word=full");
  EXPECT_TRUE(url.flag("f", false));
  EXPECT_FALSE(url.flag("g", true));
  EXPECT_TRUE(url.flag("absent", true));
  EXPECT_EQ(url.integer("n", 1, -10, 10), -5);
  EXPECT_EQ(url.integer("absent", 1, -10, 10), 1);
  EXPECT_EQ(url.duration("t", 1s, 0s, 1h), 250ms);
  EXPECT_EQ(url.duration("h", 1s, 0s, 1h), 1h);
  EXPECT_EQ(url.duration("z", 1s, 0s, 1h), 0s);
  EXPECT_EQ(url.duration("absent", 1s, 0s, 1h), 1s);
  EXPECT_EQ(url.choice("word", "normal", {"normal", "full"}), "full");
  EXPECT_EQ(url.choice("absent", "normal", {"normal", "full"}), "normal");
}

TEST(Url, TypedOptionsSayWhatTheyExpect) {
  const Url url = Url::parse("x:a?f=maybe&n=11&big=99999999999999999999&t=5&h=2h&huge=9223372036854775807h&word=half");
  const auto message = [&](auto read) { return error_of(Errc::invalid_argument, [&] { static_cast<void>(read()); }); };
  EXPECT_TRUE(has(message([&] { return url.flag("f", false); }), "'f'"));
  EXPECT_TRUE(has(message([&] { return url.integer("n", 1, -10, 10); }), "from -10 to 10"));
  EXPECT_TRUE(has(message([&] { return url.integer("big", 1, -10, 10); }), "'big'"));
  EXPECT_TRUE(has(message([&] { return url.duration("t", 1s, 0s, 1h); }), "unit"));
  EXPECT_TRUE(has(message([&] { return url.duration("h", 1s, 0s, 1h); }), "from 0ms to 1h, with its unit"));
  EXPECT_TRUE(has(message([&] { return url.duration("huge", 1s, 0s, Duration::max()); }), "'huge'"));
  EXPECT_TRUE(has(message([&] { return url.choice("word", "normal", {"normal", "full"}); }), "one of: normal full"));
}

TEST(Url, RefusesUnknownOptionsAndListsTheKnown) {
  const Url url = Url::parse("x:a?cash=1");
  const std::string message = error_of(Errc::invalid_argument, [&] { url.refuse_unknown({"cache", "mode"}); });
  EXPECT_TRUE(has(message, "'cash'") && has(message, "cache mode")) << message;
  EXPECT_TRUE(has(error_of(Errc::invalid_argument, [&] { url.refuse_unknown({}); }), "known: wait create"));
  EXPECT_NO_THROW(url.refuse_unknown({"cash"}));
}

TEST(Url, RedactedShowsNoPassword) {
  EXPECT_EQ(Url::parse("x://u:hunter2@h:1/db?o=v").redacted(), "x://u:***@h:1/db?o=v");
  EXPECT_EQ(Url::parse("x://u:hun@ter/2@h/db").redacted(), "x://u:***@h/db");
  EXPECT_EQ(Url::parse("x:u:hunter2@h").redacted(), "x:u:***@h");
  EXPECT_EQ(Url::parse("x://h/db?sslPassword=hunter2&a=b").redacted(), "x://h/db?sslPassword=***&a=b");
  EXPECT_EQ(Url::parse("x:///dir:1/me@home.db").redacted(), "x:///dir:1/me@home.db");
  EXPECT_EQ(Url::parse("x::memory:").redacted(), "x::memory:");
}

TEST(Url, NoMessageHasThePassword) {
  for (const char* text :
       {"x://u:hunter2@h:port/db", "x://u:hunter2/@h/db", "x://u:hunter2,@h1,,h2", "x://u:hunter2[@[",
        "x://u:7/hunter2@h/db"}) {
    EXPECT_FALSE(has(refused_authority(text), "hunter2")) << text;
  }
  for (const char* text : {"x//u:hunter2@h", "x://u:hunter2%@h", "x://u:a?hunter2@h", "x://u:a?hunter2=1@h",
                           "x://u@b:a?hunter2=1@h/db"}) {
    const auto fail = [&] { Url::parse(text).refuse_unknown({}); };
    EXPECT_FALSE(has(error_of(Errc::invalid_argument, fail), "hunter2")) << text;
  }
}

}  // namespace
}  // namespace sqlq::backend
