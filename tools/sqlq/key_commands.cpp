/// \file
/// queue: keys, limit-keys, shut-key, open-key.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "context.hpp"
#include "filter_options.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

using Words = std::vector<std::string>;

std::string key_name(const std::string& key) { return "key '" + printable(key) + "'"; }

std::optional<std::uint32_t> whole_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// "100/1m".
std::string rate_text(const Rate& rate) { return std::to_string(rate.count) + "/" + human(rate.per); }

Rate read_rate(const std::string& text) {
  const std::size_t slash = text.find('/');
  const std::optional<std::uint32_t> count = whole_number(std::string_view(text).substr(0, slash));
  const auto per = slash == text.npos ? std::nullopt : parse_duration(std::string_view(text).substr(slash + 1));
  if (!count || !per) {
    throw Exit(ExitCode::usage, "--rate is a number of starts and a time, such as 100/1m, or none: not '" +
                                    printable(text) + "'");
  }
  return {.count = *count, .per = *per};
}

std::string_view order_name(KeyOrder order) { return order == KeyOrder::strict ? "strict" : "priority"; }

std::string_view after_error_name(AfterError then) { return then == AfterError::hold ? "hold" : "go-on"; }

/// Of limits, in every command that shows them.
std::vector<Column> limit_columns() {
  return {{"limit", Column::right}, {"rate"}, {"burst", Column::right, Column::in_data}, {"order"},
          {"after_error", Column::left, Column::in_data}};
}

void add_limits(std::vector<Value>& row, const KeyLimits& limits) {
  std::optional<std::uint32_t> at_once = limits.concurrency;
  if (limits.order == KeyOrder::strict) at_once = std::min(at_once.value_or(1), std::uint32_t{1});
  row.push_back(at_once ? Value(static_cast<std::int64_t>(*at_once)) : Value());
  row.push_back(limits.rate ? Value(rate_text(*limits.rate)) : Value());
  row.push_back(limits.rate ? Value(static_cast<std::int64_t>(limits.rate->burst)) : Value());
  row.emplace_back(order_name(limits.order));
  row.emplace_back(after_error_name(limits.after_error));
}

// ------------------------------------------------------------------------------------------------- keys

struct KeysWish {
  std::string queue{};
  std::vector<std::string> keys{};  ///< empty: all
  std::string after{};
  std::uint64_t most = 100;
};

Value count_value(std::uint64_t count) {
  constexpr std::uint64_t cap = 10'000;  // KeyStatus counts so far
  return Value::Count{count, count >= cap};
}

std::vector<Value> key_row(const KeyStatus& status, const KeyLimits& of_queue) {
  std::vector<Value> row{status.key, count_value(status.inside), count_value(status.waiting)};
  add_limits(row, status.own.value_or(of_queue));
  row.emplace_back(status.own.has_value());
  row.emplace_back(status.opens_at);
  row.emplace_back(status.held);
  nlohmann::json jobs = nlohmann::json::array();
  for (const JobId id : status.jobs) jobs.push_back(id.to_string());
  row.emplace_back(Value::Json{jobs.dump()});
  return row;
}

ExitCode list_keys(Context& context, const KeysWish& wish) {
  const Admin admin = context.admin();
  if (!admin.queue(wish.queue)) throw Exit(ExitCode::not_found, "there is no queue '" + printable(wish.queue) + "'");
  const KeyLimits of_queue = admin.key_limits(wish.queue);
  std::vector<Column> columns{{"key"}, {"inside", Column::right}, {"waiting", Column::right}};
  for (const Column& column : limit_columns()) columns.push_back(column);
  columns.insert(columns.end(),
                 {{"own"}, {"opens_at"}, {"held"}, {"jobs", Column::left, Column::in_data}});
  Records out = context.records(std::move(columns));
  for (const std::string& key : wish.keys) out.add(key_row(admin.key(wish.queue, key), of_queue));
  constexpr std::uint64_t page = 1000;
  std::string after = wish.after;
  for (std::uint64_t left = wish.keys.empty() ? wish.most : 0; left > 0;) {
    const std::uint64_t asked = std::min(left, page);
    const std::vector<KeyStatus> some = admin.keys(wish.queue, after, static_cast<std::size_t>(asked));
    for (const KeyStatus& status : some) out.add(key_row(status, of_queue));
    if (some.size() < asked) break;
    left -= asked;
    after = some.back().key;
    if (left == 0) context.say("there may be more keys: --after goes on behind one, --limit shows more");
  }
  out.finish();
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- limit-keys

/// The limits with the options of the command line; the others stay as they are.
struct LimitsGiven {
  std::string queue{};
  std::optional<std::string> key{}, concurrency{}, rate{}, order{}, after_error{};
  std::optional<std::uint32_t> burst{};
  bool none = false;

  [[nodiscard]] bool any() const { return concurrency || rate || order || after_error || burst; }
};

KeyLimits changed_limits(KeyLimits limits, const LimitsGiven& given) {
  if (given.concurrency) {
    limits.concurrency = *given.concurrency == "none" ? std::nullopt : whole_number(*given.concurrency);
    if (*given.concurrency != "none" && !limits.concurrency) {
      throw Exit(ExitCode::usage, "--concurrency is a number, 0 or more, or none: not '" +
                                      printable(*given.concurrency) + "'");
    }
  }
  if (given.rate) {
    const std::uint32_t burst = limits.rate ? limits.rate->burst : 1;
    limits.rate.reset();
    if (*given.rate != "none") {
      limits.rate = read_rate(*given.rate);
      limits.rate->burst = std::min(burst, std::max(limits.rate->count, 1U));
    }
  }
  if (given.burst) {
    if (!limits.rate) throw Exit(ExitCode::usage, "--burst is of a rate, and there is none: give --rate too");
    limits.rate->burst = *given.burst;
  }
  if (given.order) limits.order = *given.order == "strict" ? KeyOrder::strict : KeyOrder::priority;
  if (given.after_error) limits.after_error = *given.after_error == "hold" ? AfterError::hold : AfterError::go_on;
  return limits;
}

std::string sentence_of(const KeyLimits& limits) {
  Words parts;
  if (limits.order == KeyOrder::strict) {
    parts.emplace_back("one at a time in order");
    if (limits.concurrency == 0U) parts.emplace_back("none at present");
  } else if (limits.concurrency) {
    parts.push_back(std::to_string(*limits.concurrency) + " at once");
  }
  if (limits.rate) {
    parts.push_back(rate_text(*limits.rate) + (limits.rate->burst > 1 ? ", " + std::to_string(limits.rate->burst) +
                                                                           " in a burst"
                                                                     : std::string()));
  }
  if (limits.after_error == AfterError::hold) parts.emplace_back("held after an error");
  if (parts.empty()) return "no limits";
  std::string all;
  for (const std::string& part : parts) all += (all.empty() ? "" : "; ") + part;
  return all;
}

std::vector<Column> columns_of_limits() {
  std::vector<Column> columns{{"queue"}, {"key"}};
  for (const Column& column : limit_columns()) columns.push_back(column);
  return columns;
}

std::vector<Value> row_of_limits(const LimitsGiven& given, const KeyLimits& limits) {
  std::vector<Value> row{given.queue, given.key};
  add_limits(row, limits);
  return row;
}

std::optional<KeyLimits> own_limits(const Admin& admin, const LimitsGiven& given) {
  return given.key ? admin.key(given.queue, *given.key).own : std::nullopt;
}

ExitCode show_limits(Context& context, const LimitsGiven& given) {
  const Admin admin = context.admin();
  if (!admin.queue(given.queue)) throw Exit(ExitCode::not_found, "there is no queue '" + printable(given.queue) + "'");
  const KeyLimits limits = own_limits(admin, given).value_or(admin.key_limits(given.queue));
  context.record(columns_of_limits(), row_of_limits(given, limits));
  return ExitCode::ok;
}

ExitCode limit_keys(Context& context, const LimitsGiven& given) {
  if (given.none && given.any()) throw Exit(ExitCode::usage, "--none stands alone: it takes all limits away");
  Admin admin = context.admin();
  const KeyLimits of_queue = admin.key_limits(given.queue);
  std::optional<KeyLimits> wanted;
  if (!given.none) wanted = changed_limits(own_limits(admin, given).value_or(of_queue), given);
  if (!context.options().dry_run) {
    if (given.key) {
      admin.set_key_limits(given.queue, *given.key, wanted);
    } else {
      admin.set_key_limits(given.queue, wanted.value_or(KeyLimits{}));
    }
  }
  const KeyLimits now = wanted.value_or(given.key ? of_queue : KeyLimits{});
  const std::string whose = given.key ? key_name(*given.key) : "each key";
  context.tell((context.options().dry_run ? "would be: " : "") + whose + " of queue '" + printable(given.queue) +
                   "': " + sentence_of(now) + (given.key && given.none ? ", as each key" : ""),
               columns_of_limits(), row_of_limits(given, now));
  return ExitCode::ok;
}

// ------------------------------------------------------------------------------------------------- shut-key, open-key

ExitCode steer_key(Context& context, const std::string& queue, const std::string& key,
                   const std::optional<Duration>& pause) {
  Admin admin = context.admin();
  if (!admin.queue(queue)) throw Exit(ExitCode::not_found, "there is no queue '" + printable(queue) + "'");
  const bool dry = context.options().dry_run;
  const KeyStatus before = admin.key(queue, key);
  if (pause && !dry) admin.shut_key(queue, key, *pause);
  if (!pause && !dry) admin.open_key(queue, key);
  const KeyStatus now = admin.key(queue, key);
  const bool longer_before = pause && !dry && now.opens_at == before.opens_at;
  const std::string what = !pause                                          ? "is open"
                           : longer_before && now.opens_at                 ? "stays shut until " + utc(*now.opens_at)
                           : *pause == Duration::max() || before.held      ? "is shut until it is opened"
                                                                           : "is shut for " + human(*pause);
  context.tell((dry ? "would be: " : "") + key_name(key) + " of queue '" + printable(queue) + "' " + what,
               {{"queue"}, {"key"}, {"opens_at"}, {"held"}}, {queue, key, now.opens_at, now.held});
  return ExitCode::ok;
}

template <class Target>
void optional_text(CLI::App& command, const char* option, Target& value, const char* what, const char* type) {
  command.add_option_function<std::string>(option, [&value](const std::string& given) { value = given; }, what)
      ->type_name(type);
}

void add_limit_keys(CLI::App& queue, Context& context) {
  CLI::App* const command = queue.add_subcommand(
      "limit-keys", "Set or show how many jobs of each key run at once, how often they start, and in which order");
  const auto given = std::make_shared<LimitsGiven>();
  command->add_option("queue", given->queue, "Name of the queue")->required()->type_name("QUEUE");
  optional_text(*command, "--key", given->key, "Limits of this key alone, instead of those of each key", "KEY");
  optional_text(*command, "--concurrency", given->concurrency, "How many run at once; 0: none may run; none: no limit",
                "N");
  optional_text(*command, "--rate", given->rate, "So many starts in any such time, as 100/1m; none: no limit",
                "N/TIME");
  command->add_option_function<std::uint32_t>(
             "--burst", [given](std::uint32_t burst) { given->burst = burst; },
             "So many of them at once after a pause; 1 when not given")
      ->type_name("N");
  command->add_option_function<std::string>(
             "--order", [given](const std::string& order) { given->order = order; },
             "strict: one at a time, the oldest first; priority: as claims do")
      ->check(CLI::IsMember(Words{"priority", "strict"}));
  command->add_option_function<std::string>(
             "--after-error", [given](const std::string& then) { given->after_error = then; },
             "Of a strict order, when a job of the key has failed for good: hold lets none in until open-key")
      ->check(CLI::IsMember(Words{"go-on", "hold"}));
  command->add_flag("--none", given->none, "No limits; with --key those of each key again");
  command->footer(
      "Examples:\n  sqlq queue limit-keys calls --concurrency 2 --rate 100/1m --burst 10\n"
      "  sqlq queue limit-keys calls --key customer-17 --rate 1000/1m\n"
      "  sqlq queue limit-keys events --order strict --after-error hold\n"
      "  sqlq queue limit-keys events\n\nWithout a limit it shows those that hold.");
  context.on(*command, [&context, given] {
    return given->none || given->any() ? limit_keys(context, *given) : show_limits(context, *given);
  });
}

}  // namespace

void add_key_commands(CLI::App& root, Context& context) {
  CLI::App& queue = noun(root, "queue", "Queues: look at them, pause, limit, empty them");

  CLI::App* command = queue.add_subcommand("keys", "List keys of the queue: their jobs and their limits");
  const auto wish = std::make_shared<KeysWish>();
  command->add_option("queue", wish->queue, "Name of the queue")->required()->type_name("QUEUE");
  command->add_option("key", wish->keys, "Only these keys")->type_name("KEY");
  command->add_option("--after", wish->after, "Go on behind this key")->type_name("KEY");
  command->add_option("--limit", wish->most, "At most so many [100]")->type_name("N")->check(CLI::PositiveNumber);
  command->footer("Example:\n  sqlq queue keys calls");
  context.on(*command, [&context, wish] { return list_keys(context, *wish); });

  add_limit_keys(queue, context);

  command = queue.add_subcommand("shut-key", "Let no job of the key in; those that run go on");
  const auto shut = std::make_shared<std::vector<std::string>>(3);  // queue, key, time
  command->add_option("queue", (*shut)[0], "Name of the queue")->required()->type_name("QUEUE");
  command->add_option("key", (*shut)[1], "The key")->required()->type_name("KEY");
  command->add_option("--for", (*shut)[2], "For so long; until open-key when not given")->type_name("TIME");
  command->footer("Example:\n  sqlq queue shut-key calls customer-17 --for 10m");
  context.on(*command, [&context, shut] {
    const Duration pause = (*shut)[2].empty() ? Duration::max() : read_duration((*shut)[2], "--for");
    return steer_key(context, (*shut)[0], (*shut)[1], pause);
  });

  command = queue.add_subcommand("open-key", "Let jobs of the key in again: after shut-key, an error or a throttle");
  const auto open = std::make_shared<std::vector<std::string>>(2);  // queue, key
  command->add_option("queue", (*open)[0], "Name of the queue")->required()->type_name("QUEUE");
  command->add_option("key", (*open)[1], "The key")->required()->type_name("KEY");
  command->footer("Example:\n  sqlq queue open-key calls customer-17");
  context.on(*command, [&context, open] { return steer_key(context, (*open)[0], (*open)[1], std::nullopt); });
}

}  // namespace sqlq::tool
