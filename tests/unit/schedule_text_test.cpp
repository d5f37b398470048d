// Schedules as text: what is written is read again, what cannot be read is said, and nothing of it is quoted.

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "core/schedule_text.hpp"
#include "support/expect_error.hpp"

namespace sqlq::core {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using testing::error_of;
using testing::expect_error;
using testing::has;

constexpr TimePoint new_year = std::chrono::sys_days(std::chrono::year(2024) / 1 / 1);

Schedule full() {
  Schedule s{.name = "n\xC3\xA4" "chtlich", .rule = "30 2 * * *", .zone = "Europe/Berlin"};
  s.job = {"cleanup", R"({"a": "\u00e4", "b": [1, 2.50]})", {}};
  s.job.options = {.queue = "maintenance",
                   .priority = -3,
                   .max_attempts = 7,
                   .max_crashes = 2,
                   .unique_key = "k",
                   .keepalive = 40s,
                   .retention = 5h,
                   .timeout = 90s,
                   .headers = {{"traceparent", "00-1"}}};
  s.missed = Missed::skip;
  s.most_missed = 17;
  s.grace = 3min;
  s.overlap = Overlap::cancel_old;
  s.jitter = 250ms;
  s.start = new_year;
  s.end = new_year + 24h;
  return s;
}

Standing everything() {
  return {.paused = true,
          .anchor = new_year,
          .due = {new_year + 1s, new_year + 2s},
          .next = new_year + 3s,
          .owed = new_year + 1us,
          .past = new_year + 2s,
          .last_tick = new_year - 1h,
          .last_job = JobId::make(new_year),
          .fired = std::numeric_limits<std::uint64_t>::max(),
          .skipped = 2,
          .missed = 3,
          .trouble = "why",
          .others = R"({"later":[1]})"};
}

TEST(ScheduleText, AKeyIsKeptFromProgramsThatKnowNone) {
  Schedule s = full();
  EXPECT_TRUE(has(definition_of(s), R"("v":1)")) << "they can read what has none";
  s.job.options.key = "disk-1";
  EXPECT_TRUE(has(definition_of(s), R"("v":2)"));
  EXPECT_EQ(read_definition(s.name, definition_of(s)).job.options.key, "disk-1");
  EXPECT_TRUE(has(tick_headers(s, {new_year, {}}), R"("sqlq-key":"disk-1")"));
}

TEST(ScheduleText, ADefinitionIsReadAsItWasWritten) {
  const Schedule s = full();
  const Schedule read = read_definition(s.name, definition_of(s));
  EXPECT_EQ(definition_of(read), definition_of(s));
  EXPECT_EQ(read.name, s.name);
  EXPECT_EQ(read.job.params, s.job.params) << "byte for byte";
  EXPECT_EQ(read.job.options.headers, s.job.options.headers);
  EXPECT_EQ(read.job.options.retention, s.job.options.retention);
  EXPECT_EQ(read.missed, Missed::skip);
  EXPECT_EQ(read.most_missed, 17u);
  EXPECT_EQ(read.grace, Duration(3min));
  EXPECT_EQ(read.overlap, Overlap::cancel_old);
  EXPECT_EQ(read.jitter, Duration(250ms));
  EXPECT_EQ(*read.start, new_year);
  EXPECT_EQ(*read.end, new_year + 24h);
}

TEST(ScheduleText, AStateIsReadAsItWasWritten) {
  const Standing s = everything();
  EXPECT_EQ(read_state("n", state_of(s)), s);
  const Standing fresh{.anchor = new_year};
  EXPECT_EQ(read_state("n", state_of(fresh)), fresh);
}

TEST(ScheduleText, OfADamagedStateTheRestIsRead) {
  const Standing all = everything();
  const Standing whole = rest_of_state(state_of(all), new_year + 9h);
  EXPECT_TRUE(whole.paused);
  EXPECT_EQ(whole.anchor, all.anchor);
  EXPECT_EQ(whole.past, all.past);
  EXPECT_EQ(whole.last_tick, all.last_tick);
  EXPECT_EQ(whole.fired, all.fired);
  const json fields = json::parse(state_of(all));
  for (const auto& item : fields.items()) {
    json wrong = fields;
    wrong[item.key()] = {{"secret", "secret"}};
    const Standing rest = rest_of_state(wrong.dump(), new_year + 9h);
    EXPECT_TRUE(rest.paused) << item.key();
    EXPECT_EQ(rest.anchor, item.key() == "anchor_us" ? new_year + 9h : all.anchor) << item.key();
    EXPECT_EQ(rest.skipped, item.key() == "skipped" ? 0u : all.skipped) << item.key();
  }
  for (const char* text : {"", "[]", "{}", "\xFF", "null", R"({"paused":false})"}) {
    EXPECT_EQ(rest_of_state(text, new_year), Standing{.anchor = new_year}) << text;
  }
}

TEST(ScheduleText, DefinitionAndStateAreReadApart) {
  const std::string definition = definition_of(full());
  const std::string state = state_of(everything());
  const ReadRow whole("n", definition, state);
  EXPECT_TRUE(whole.schedule && whole.standing && !whole.why);
  const ReadRow no_state("n", definition, "{}");
  EXPECT_TRUE(no_state.schedule && !no_state.standing && no_state.why);
  EXPECT_FALSE(no_state.why->newer());
  const ReadRow no_definition("n", "[]", state);
  EXPECT_TRUE(!no_definition.schedule && no_definition.standing && no_definition.why);
  EXPECT_TRUE(ReadRow("n", "[]", R"({"v":2})").why->newer()) << "a newer program's row is left to it";
  EXPECT_TRUE(ReadRow("n", R"({"v":3})", "[]").why->newer());
}

TEST(ScheduleText, EachMissedTickNeedsJobsThatMayBeAliveAtTheSameTime) {
  Schedule s{.name = "n", .rule = "@hourly", .job = {"k", "null", {}}};
  s.missed = Missed::all;
  s.overlap = Overlap::allow;
  check_policies(s);
  s.job.options.unique_key = "k";
  const std::string why = error_of(Errc::invalid_argument, [&] { check_policies(s); });
  EXPECT_TRUE(has(why, "unique key") && has(why, "missed `one`")) << why;
  s.missed = Missed::one;
  check_policies(s);
}

TEST(ScheduleText, DefaultsAreTheClientsAndAreWritten) {
  Schedule s{.name = "n", .rule = "@hourly", .job = {"k", "null", {}}};
  const Schedule r = resolved(s, {.queue = "mail", .max_attempts = 5, .max_crashes = 4, .keepalive = 9s});
  EXPECT_EQ(r.job.options.queue, "mail");
  EXPECT_EQ(r.job.options.max_attempts, 5);
  EXPECT_EQ(r.job.options.max_crashes, 4);
  EXPECT_EQ(r.job.options.keepalive, Duration(9s));
  EXPECT_FALSE(r.job.options.retention);
  EXPECT_EQ(definition_of(read_definition("n", definition_of(r))), definition_of(r));
  s.job.options.queue = "mail";
  s.job.options.max_attempts = 5;
  EXPECT_EQ(definition_of(resolved(s, {.max_crashes = 4, .keepalive = 9s})), definition_of(r)) << "it means the same";
}

TEST(ScheduleText, FieldsOfNewerProgramsAreKeptInAStateAndIgnoredInADefinition) {
  json state = json::parse(state_of({.anchor = new_year}));
  state["later"] = {{"x", 1}};
  Standing s = read_state("n", state.dump());
  s.fired = 9;
  const json written = json::parse(state_of(s));
  EXPECT_EQ(written["later"], state["later"]);
  EXPECT_EQ(written["fired"], 9);
  json definition = json::parse(definition_of(full()));
  definition["later"] = 1;
  EXPECT_EQ(definition_of(read_definition(full().name, definition.dump())), definition_of(full()));
}

TEST(ScheduleText, WhatCannotBeReadIsSaidAndNeverQuoted) {
  const std::string definition = definition_of(full());
  const std::string state = state_of(everything());
  std::vector<std::string> broken{"", "secret", "[]", "{}", "{\"v\":\"1\"}", "{\"v\":1}", "\xFF", "null",
                                  definition.substr(0, definition.size() / 2)};
  const json fields = json::parse(definition);
  for (const auto& [field, value] : fields.items()) {
    json without = json::parse(definition);
    without.erase(field);
    if (field != "start_us" && field != "end_us") broken.push_back(without.dump());
    json wrong = json::parse(definition);
    wrong[field] = {{"secret", "secret"}};
    broken.push_back(wrong.dump());
  }
  const std::vector<std::pair<const char*, json>> values{{"missed", 0},        {"missed", 9},    {"overlap", -1},
                                                         {"overlap", 300},     {"grace_us", -1}, {"most_missed", 0},
                                                         {"jitter_us", -1},    {"zone", ""},     {"end_us", 0},
                                                         {"most_missed", 1e9}};
  for (const auto& [field, value] : values) {
    json wrong = json::parse(definition);
    wrong[field] = value;
    broken.push_back(wrong.dump());
  }
  for (const std::string& text : broken) {
    const std::string why = error_of(Errc::schema, [&] { static_cast<void>(read_definition("nightly", text)); });
    EXPECT_TRUE(has(why, "'nightly'") && has(why, "sync it again")) << why;
    EXPECT_FALSE(has(why, "secret")) << why;
  }
  std::vector<std::string> states{"", "[]", "{\"v\":1}", state.substr(1)};
  for (const char* field : {"anchor_us", "due_us", "next_us", "last_job", "fired", "trouble", "paused"}) {
    json wrong = json::parse(state);
    wrong[field] = {{"secret", "secret"}};
    states.push_back(wrong.dump());
  }
  for (const std::string& text : states) {
    const std::string why = error_of(Errc::schema, [&] { static_cast<void>(read_state("nightly", text)); });
    EXPECT_FALSE(has(why, "secret")) << why;
  }
}

TEST(ScheduleText, ANewerVersionIsLeftToNewerPrograms) {
  for (const std::string& text : {std::string("{\"v\":3}"), std::string("{\"v\":99,\"rule\":1}")}) {
    try {
      static_cast<void>(read_definition("n", text));
      ADD_FAILURE() << "nothing was thrown";
    } catch (const UnreadableSchedule& e) {
      EXPECT_TRUE(e.newer());
      EXPECT_TRUE(has(e.what(), "newer sqlq")) << e.what();
    }
  }
}

TEST(ScheduleText, WhatAScheduleMayNotBe) {
  const auto refuses = [](const std::string& part, const std::function<void(Schedule&)>& change) {
    Schedule s = full();
    change(s);
    expect_error(Errc::invalid_argument, part, [&] { check_schedule(s, {}); });
  };
  check_schedule(full(), {});
  refuses("name", [](Schedule& s) { s.name.clear(); });
  refuses("name", [](Schedule& s) { s.name = std::string(256, 'a'); });
  refuses("control", [](Schedule& s) { s.name = "a\nb"; });
  refuses("zone", [](Schedule& s) { s.zone.clear(); });
  refuses("kind", [](Schedule& s) { s.job.kind.clear(); });
  refuses("params", [](Schedule& s) { s.job.params = "{"; });
  refuses("delay", [](Schedule& s) { s.job.options.delay = 1s; });
  refuses("run_at", [](Schedule& s) { s.job.options.run_at = new_year; });
  refuses("id", [](Schedule& s) { s.job.options.id = JobId::make(new_year); });
  refuses("queue", [](Schedule& s) { s.job.options.queue = ""; });
  refuses("max_attempts", [](Schedule& s) { s.job.options.max_attempts = 0; });
  refuses("missed", [](Schedule& s) { s.missed = static_cast<Missed>(0); });
  refuses("overlap", [](Schedule& s) { s.overlap = static_cast<Overlap>(5); });
  refuses("most_missed", [](Schedule& s) { s.most_missed = 0; });
  refuses("most_missed", [](Schedule& s) { s.most_missed = 10'001; });
  refuses("grace", [](Schedule& s) { s.grace = 999ms; });
  refuses("grace", [](Schedule& s) { s.grace = 24h * 365 + 1us; });
  refuses("jitter", [](Schedule& s) { s.jitter = -1us; });
  refuses("jitter", [](Schedule& s) { s.jitter = 24h + 1us; });
  refuses("end is before start", [](Schedule& s) { s.end = *s.start - 1us; });
}

TEST(ScheduleText, TheJobOfATickCarriesNameAndTick) {
  const json headers = json::parse(tick_headers(full(), {new_year + 90min, 1h}));
  EXPECT_EQ(headers, json({{"sqlq-schedule", full().name},
                           {"sqlq-tick", "2024-01-01T02:30:00+01:00"},
                           {"traceparent", "00-1"}}));
}

}  // namespace
}  // namespace sqlq::core
