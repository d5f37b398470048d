// Rules of schedules: any text is a rule or refused with its place, and the ticks of a rule go forward.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

#include <sqlq/error.hpp>
#include <sqlq/schedule.hpp>

#include "core/cron.hpp"

#include "require.hpp"

namespace sqlq::fuzz {
namespace {

using core::Rule;

constexpr std::array<const char*, 4> zones{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"};

void require_plain(std::string_view message) {
  require(message.size() < 3000, "the message is short");
  require(std::ranges::none_of(message, [](char c) { return static_cast<unsigned char>(c) < 0x20; }), "it is one line");
}

std::optional<Rule> parsed(std::string_view text, std::string_view zone) {
  try {
    return Rule::parse(text, zone);
  } catch (const Error& e) {
    require(e.code() == Errc::invalid_argument && !e.retryable(), "a bad rule is the caller's mistake");
    require_plain(e.what());
    return {};
  }
}

void follow(const Rule& rule, TimePoint after, TimePoint anchor) {
  for (int i = 0; i < 8; ++i) {
    const auto next = rule.next(after, anchor);
    if (!next) return;
    require(*next > after, "ticks go forward");
    const Duration::rep half = after.time_since_epoch().count() / 2 + next->time_since_epoch().count() / 2;
    const TimePoint between = std::clamp(TimePoint(Duration(half)), after, *next - Duration(1));
    require(rule.next(between, anchor) == next, "there is no tick between two");
    std::ostringstream printed;
    printed << Tick{*next, rule.offset(*next)};
    require(printed.str().size() >= 25, "ticks are printed");
    after = *next;
  }
}

void any_rule(std::string_view text, TimePoint after, TimePoint anchor) {
  const bool utc = parsed(text, "UTC").has_value();
  for (const char* zone : zones) {
    const auto rule = parsed(text, zone);
    require(rule.has_value() == utc, "the zone has no say in what a rule is");
    if (rule) follow(*rule, after, anchor);
  }
}

}  // namespace
}  // namespace sqlq::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::int64_t after = 0;  // the first eight bytes; the rest is the rule
  if (size < sizeof after) return 0;
  std::memcpy(&after, data, sizeof after);
  const std::string_view text(reinterpret_cast<const char*>(data) + sizeof after, size - sizeof after);
  const sqlq::TimePoint at{sqlq::Duration(after)};
  sqlq::fuzz::any_rule(text, at, at);
  sqlq::fuzz::any_rule(text, sqlq::TimePoint(sqlq::Duration(after % 4'000'000'000'000'000)), {});
  return 0;
}
