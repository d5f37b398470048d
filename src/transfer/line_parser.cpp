// A line's JSON as a value: each token is looked at as it comes, and the first that is wrong ends it.

#include <array>
#include <bit>
#include <limits>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/retention.hpp"
#include "core/steps.hpp"
#include "core/text.hpp"
#include "transfer/line_reader.hpp"

namespace sqlq::transfer {
namespace {

using nlohmann::json;

/// Some clients know numbers as doubles.
constexpr std::int64_t most_count = (std::int64_t{1} << 53) - 1;
constexpr std::int64_t most_tries = 1'000'000;
constexpr std::int64_t most_int = std::numeric_limits<int>::max();
constexpr std::int64_t most_time = std::numeric_limits<std::int64_t>::max();

/// The fields of one sort of object, in the order in which they are written.
struct Shape {
  std::string_view path;
  std::span<const std::string_view> fields;
  std::size_t needed;  // so many of the first must be there
};

constexpr std::array<std::string_view, 4> line_fields{"sqlq", "queue", "job", "end"};
constexpr std::array<std::string_view, 5> queue_fields{"name", "description", "concurrency", "priority", "paused"};
constexpr std::array<std::string_view, 27> job_fields{
    "id",         "queue",       "kind",       "state",     "priority", "params",     "result",
    "unique_key", "attempt",     "max_attempts", "crashes", "max_crashes", "claims",  "worker",
    "keepalive",  "timeout",     "retention",  "created_at", "queued_at", "run_at",   "started_at",
    "heartbeat_at", "finished_at", "history",  "log",       "headers",  "steps"};
enum JobField : std::size_t { history_field = 23, log_field, headers_field, steps_field };
constexpr std::array<std::string_view, 6> history_fields{"claim", "attempt", "cause", "at", "worker", "message"};
constexpr std::array<std::string_view, 6> log_fields{"claim", "number", "attempt", "at", "level", "text"};
constexpr std::array<std::string_view, 7> step_fields{"kind", "name", "number", "claim", "at", "until", "value"};
constexpr std::array<std::string_view, 3> end_fields{"queues", "jobs", "checksum"};

constexpr Shape line_shape{"", line_fields, 0};
constexpr Shape queue_shape{"queue", queue_fields, queue_fields.size()};
constexpr Shape job_shape{"job", job_fields, headers_field};
constexpr Shape history_shape{"job.history", history_fields, history_fields.size()};
constexpr Shape log_shape{"job.log", log_fields, log_fields.size()};
constexpr Shape headers_shape{"job.headers", {}, 0};  // its fields have names of the job's own
constexpr Shape steps_shape{"job.steps", step_fields, step_fields.size()};
constexpr Shape end_shape{"end", end_fields, end_fields.size()};

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

struct TooLarge {};  // a number that is no integer of 64 bits
using Value = std::variant<std::nullptr_t, bool, std::int64_t, TooLarge, std::string*>;

/// A value and where it stands.
class Member {
 public:
  Member(std::string path, Value value) : path_(std::move(path)), value_(value) {}

  [[noreturn]] void refuse_it(const std::string& why) const { refuse(path_ + " " + why); }

  [[nodiscard]] std::int64_t number(std::int64_t least, std::int64_t most) const {
    const auto* n = std::get_if<std::int64_t>(&value_);
    if (n != nullptr && *n >= least && *n <= most) return *n;
    refuse_it("must be a whole number, " + std::to_string(least) + " to " + std::to_string(most));
  }
  [[nodiscard]] int small(std::int64_t least, std::int64_t most) const { return static_cast<int>(number(least, most)); }
  [[nodiscard]] TimePoint time() const {
    return TimePoint(Duration(number(std::numeric_limits<std::int64_t>::min(), most_time)));
  }
  [[nodiscard]] bool flag() const {
    if (const auto* yes = std::get_if<bool>(&value_)) return *yes;
    refuse_it("must be true or false");
  }
  [[nodiscard]] std::string text(std::size_t most_bytes) const {
    auto* const* text = std::get_if<std::string*>(&value_);
    if (text == nullptr) refuse_it("must be a string");
    core::check_text(**text, most_bytes, path_);
    return std::move(**text);
  }
  [[nodiscard]] std::string name() const {
    std::string name = text(core::max_name_bytes);
    core::check_name(name, path_);
    return name;
  }
  [[nodiscard]] std::string payload(const PayloadLimits& limits) const {
    std::string payload = text(std::string().max_size());
    check_json(payload, limits, path_);
    return payload;
  }
  /// Of an enumeration: the first `count` numbers from 1.
  template <class Enum>
  [[nodiscard]] Enum one_of(int count) const {
    const std::string given = text(core::max_name_bytes);
    for (int i = 1; i <= count; ++i) {
      if (to_string(static_cast<Enum>(i)) == given) return static_cast<Enum>(i);
    }
    refuse_it("is none that this version knows");
  }
  [[nodiscard]] bool null() const noexcept { return std::holds_alternative<std::nullptr_t>(value_); }

 private:
  std::string path_;
  Value value_;
};

// ------------------------------------------------------------------------------------------------ the objects' fields

void set(Queue& queue, std::size_t field, const Member& m) {
  constexpr std::size_t most_description = std::size_t{64} << 10;
  constexpr std::int64_t most_concurrency = std::numeric_limits<std::uint32_t>::max();
  switch (field) {
    case 0: queue.name = m.name(); return;
    case 1: queue.description = m.text(most_description); return;
    case 2:
      if (!m.null()) queue.concurrency = static_cast<std::uint32_t>(m.number(0, most_concurrency));
      return;
    case 3: queue.priority = m.small(std::numeric_limits<int>::min(), most_int); return;
    default: queue.paused = m.flag(); return;
  }
}

void set(End& end, std::size_t field, const Member& m) {
  switch (field) {
    case 0: end.queues = m.number(0, most_count); return;
    case 1: end.jobs = m.number(0, most_count); return;
    default: end.checksum = m.text(core::max_name_bytes); return;
  }
}

/// A few bytes of the library's own may follow the text of a message or a line.
constexpr std::size_t longest_remark = 1024;

void set(AttemptRecord& line, std::size_t field, const Member& m) {
  switch (field) {
    case 0: line.claim = m.number(0, most_count); return;
    case 1: line.attempt = m.small(0, most_int); return;
    case 2: line.cause = m.one_of<Cause>(static_cast<int>(Cause::outage)); return;
    case 3: line.at = m.time(); return;
    case 4: line.worker = m.text(core::max_name_bytes); return;
    default: line.message = m.text(core::max_message_bytes + longest_remark); return;
  }
}

void set(LogLine& line, std::size_t field, const Member& m) {
  switch (field) {
    case 0: line.claim = m.number(0, most_count); return;
    case 1: line.number = m.number(1, most_count); return;
    case 2: line.attempt = m.small(0, most_int); return;
    case 3: line.at = m.time(); return;
    case 4: line.level = m.one_of<LogLevel>(static_cast<int>(LogLevel::error)); return;
    default: line.text = m.text(core::max_log_bytes + longest_remark); return;
  }
}

std::optional<TimePoint> maybe_time(const Member& m) { return m.null() ? std::nullopt : std::optional(m.time()); }

void set(StepRecord& step, std::size_t field, const Member& m, const PayloadLimits& limits) {
  switch (field) {
    case 0: step.kind = m.one_of<StepKind>(static_cast<int>(StepKind::children)); return;
    case 1: step.name = m.name(); return;
    case 2: step.number = m.number(std::numeric_limits<std::int64_t>::min(), most_time); return;
    case 3: step.claim = m.number(0, most_count); return;
    case 4: step.at = m.time(); return;
    case 5: step.until = maybe_time(m); return;
    default:
      if (!m.null()) step.value = m.payload({.max_depth = limits.max_depth});
      return;
  }
}

JobState state_of(const Member& m) {
  const JobState state = parse_job_state(m.text(core::max_name_bytes));
  if (state == JobState::running || state == JobState::cancelling) {
    m.refuse_it("is one of jobs that are held, which stay where they are");
  }
  if (state == JobState::invalid) m.refuse_it("is none that this version knows");
  return state;
}

void set(Job& job, std::size_t field, const Member& m, const PayloadLimits& limits) {
  constexpr std::int64_t second = Duration(std::chrono::seconds(1)).count();
  constexpr std::int64_t day = Duration(std::chrono::hours(24)).count();
  constexpr std::int64_t longest = Duration(core::longest_retention).count();
  switch (field) {
    case 0: {
      const auto id = JobId::parse(m.text(core::max_name_bytes));
      if (!id || id->nil()) m.refuse_it("must be a UUID, and not the nil one");
      job.id = *id;
      return;
    }
    case 1: job.queue = m.name(); return;
    case 2: job.kind = m.name(); return;
    case 3: job.state = state_of(m); return;
    case 4: job.priority = m.small(std::numeric_limits<int>::min(), most_int); return;
    case 5: job.params = m.payload(limits); return;
    case 6:
      if (!m.null()) job.result = m.payload(limits);
      return;
    case 7:
      if (m.null()) return;
      job.unique_key = m.text(core::max_name_bytes);
      if (job.unique_key.empty()) m.refuse_it("must not be empty: null means none");
      return;
    case 8: job.attempt = m.small(0, most_int); return;
    case 9: job.max_attempts = m.small(1, most_tries); return;
    case 10: job.crashes = m.small(0, most_int); return;
    case 11: job.max_crashes = m.small(1, most_tries); return;
    case 12: job.claims = m.number(0, most_count); return;
    case 13: job.worker = m.text(core::max_name_bytes); return;
    case 14: job.keepalive = Duration(m.number(second, day)); return;
    case 15: job.timeout = Duration(m.number(0, most_time)); return;
    case 16:
      if (!m.null()) job.retention = Duration(m.number(0, longest));
      return;
    case 17: job.created_at = m.time(); return;
    case 18: job.queued_at = m.time(); return;
    case 19: job.run_at = m.time(); return;
    case 20: job.started_at = maybe_time(m); return;
    case 21: job.heartbeat_at = maybe_time(m); return;
    case 22: job.finished_at = maybe_time(m); return;
    case headers_field: m.refuse_it("must be an object");
    default: m.refuse_it("must be an array");
  }
}

void check_steps(const std::vector<StepRecord>& steps) {
  std::set<std::tuple<StepKind, std::string_view, std::int64_t>> seen;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const StepRecord& step = steps[i];
    if (seen.emplace(step.kind, step.name, step.number).second) continue;
    refuse("job.steps[" + std::to_string(i) + "] has the kind, name and number of one before it");
  }
}

/// What fields must say together.
void check_whole(const Job& job) {
  if (is_finished(job.state) != job.finished_at.has_value()) {
    refuse("job.finished_at must be given for a finished job, and be null for all others");
  }
  if ((job.claims > 0) != job.started_at.has_value() || (job.claims > 0) != job.heartbeat_at.has_value()) {
    refuse("job.started_at and job.heartbeat_at must be given for a job that was claimed (job.claims), and be null "
           "for all others");
  }
}

/// A field's name as a message may show it: one that comes from the stream may be anything.
std::string plain(const std::string& name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  const bool fit = !name.empty() && name.size() <= 64 && name.find_first_not_of(letters) == std::string::npos;
  return fit ? "'" + name + "'" : "a field whose name is not shown";
}

// ------------------------------------------------------------------------------------------------ the walk

class Parser final : public nlohmann::json_sax<json> {
 public:
  explicit Parser(const PayloadLimits& limits) : limits_(limits) {}

  [[nodiscard]] Line take() && { return std::move(line_); }

  bool null() override { return value(nullptr); }
  bool boolean(bool yes) override { return value(yes); }
  bool number_integer(number_integer_t n) override { return value(std::int64_t{n}); }
  bool number_unsigned(number_unsigned_t n) override {
    if (n > static_cast<number_unsigned_t>(most_time)) return value(TooLarge{});
    return value(static_cast<std::int64_t>(n));
  }
  bool number_float(number_float_t, const string_t&) override { return value(TooLarge{}); }
  bool string(string_t& text) override { return value(&text); }
  bool binary(binary_t&) override { return false; }

  bool start_object(std::size_t) override {
    if (levels_.empty()) {
      levels_.push_back({&line_shape});
    } else if (in_array_) {
      begin_item();
    } else {
      begin_part();
    }
    return true;
  }
  bool key(string_t& name) override {
    Level& level = levels_.back();
    if (level.shape == &headers_shape) return header(name);
    const auto& fields = level.shape->fields;
    for (level.field = 0; level.field < fields.size() && fields[level.field] != name;) ++level.field;
    if (level.field == fields.size()) {
      refuse((level.shape->path.empty() ? "the line" : std::string(level.shape->path)) +
             " has a field that this version does not know: " + plain(name));
    }
    if (level.shape == &line_shape && level.seen != 0) refuse("the line has more than one field");
    const std::uint64_t bit = std::uint64_t{1} << level.field;
    if ((level.seen & bit) != 0) refuse(path() + " is there twice");
    level.seen |= bit;
    return true;
  }
  bool end_object() override {
    const Level level = levels_.back();
    if (level.shape != &line_shape) {
      const std::uint64_t missing = ~level.seen & ((std::uint64_t{1} << level.shape->needed) - 1);
      if (missing != 0) {
        levels_.back().field = static_cast<std::size_t>(std::countr_zero(missing));
        refuse(path() + " is missing");
      }
    } else if (level.seen == 0) {
      refuse("the line has no field");
    }
    levels_.pop_back();
    in_array_ = level.shape == &history_shape || level.shape == &log_shape || level.shape == &steps_shape;
    if (level.shape == &headers_shape) core::check_headers(job().job.headers, headers_shape.path);
    if (level.shape == &job_shape) {
      check_whole(job().job);
      check_steps(job().steps);
    }
    if (level.shape == &log_shape) check_order();
    return true;
  }
  bool start_array(std::size_t) override {
    if (levels_.empty()) refuse("the line is no JSON object");
    const Level& level = levels_.back();
    const bool lines = level.shape == &job_shape && level.field >= history_field && level.field != headers_field;
    if (!lines || in_array_) refuse(path() + " must not be an array");
    in_array_ = true;
    return true;
  }
  bool end_array() override {
    in_array_ = false;
    return true;
  }
  // What the parser says shows what it has read.
  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    refuse("the line is not JSON: error at byte " + std::to_string(position));
  }

 private:
  struct Level {
    const Shape* shape;
    std::uint64_t seen = 0;  // a bit for each field
    std::size_t field = 0;   // the one that is read
  };

  backend::StoredJob& job() { return std::get<backend::StoredJob>(line_); }

  void begin_part() {
    const Level& level = levels_.back();
    if (level.shape == &job_shape && level.field == headers_field) return levels_.push_back({&headers_shape});
    if (level.shape != &line_shape || level.field == 0) refuse(path() + " must not be an object");
    switch (level.field) {
      case 1: line_ = Queue{}; levels_.push_back({&queue_shape}); return;
      case 2: line_ = backend::StoredJob{}; levels_.push_back({&job_shape}); return;
      default: line_ = End{}; levels_.push_back({&end_shape}); return;
    }
  }
  void begin_item() {
    in_array_ = false;
    switch (levels_.back().field) {
      case history_field:
        job().history.emplace_back();
        levels_.push_back({&history_shape});
        return;
      case log_field:
        job().log.emplace_back();
        levels_.push_back({&log_shape});
        return;
      default:
        if (std::ssize(job().steps) == core::most_steps) {
          refuse("job.steps has more than " + std::to_string(core::most_steps));
        }
        job().steps.emplace_back();
        levels_.push_back({&steps_shape});
        return;
    }
  }

  /// The name of a header. Like a value it is never shown.
  bool header(const std::string& name) {
    header_ = name;
    if (job().job.headers.contains(name)) refuse("job.headers has a name twice");
    return true;
  }

  /// "job.history[2].cause"
  [[nodiscard]] std::string path() {
    const Level& level = levels_.back();
    if (level.shape == &headers_shape) return "a value of job.headers";
    std::string text(level.shape->path);
    if (level.shape == &history_shape) text += "[" + std::to_string(job().history.size() - 1) + "]";
    if (level.shape == &log_shape) text += "[" + std::to_string(job().log.size() - 1) + "]";
    if (level.shape == &steps_shape) text += "[" + std::to_string(job().steps.size() - 1) + "]";
    if (!text.empty()) text += '.';
    return text += level.shape->fields[level.field];
  }

  bool value(Value given) {
    if (levels_.empty()) refuse("the line is no JSON object");
    if (in_array_) refuse(path() + " must be an array of objects");
    const Level& level = levels_.back();
    const Member member(path(), given);
    if (level.shape == &line_shape) {
      if (level.field != 0) member.refuse_it("must be an object");
      line_ = Version{member.number(0, most_count)};
    } else if (level.shape == &queue_shape) {
      set(std::get<Queue>(line_), level.field, member);
    } else if (level.shape == &job_shape) {
      set(job().job, level.field, member, limits_);
    } else if (level.shape == &history_shape) {
      set(job().history.back(), level.field, member);
    } else if (level.shape == &log_shape) {
      set(job().log.back(), level.field, member);
    } else if (level.shape == &steps_shape) {
      set(job().steps.back(), level.field, member, limits_);
    } else if (level.shape == &headers_shape) {
      job().job.headers.emplace(std::move(header_), member.text(core::max_header_bytes));
    } else {
      set(std::get<End>(line_), level.field, member);
    }
    return true;
  }

  /// A line of the log comes after the one before it.
  void check_order() {
    const std::vector<LogLine>& log = job().log;
    if (log.size() < 2) return;
    const LogLine& before = log[log.size() - 2];
    const LogLine& last = log.back();
    if (std::pair(before.claim, before.number) < std::pair(last.claim, last.number)) return;
    refuse("job.log[" + std::to_string(log.size() - 1) + "] must come after the line before it, by claim and number");
  }

  const PayloadLimits limits_;
  Line line_{};
  std::vector<Level> levels_{};
  bool in_array_ = false;   // directly
  std::string header_{};    // the name of the one that is read
};

}  // namespace

Line parse_line(std::string_view text, const PayloadLimits& limits) {
  if (core::find_invalid_utf8(text) != std::string_view::npos) refuse("the line is not valid UTF-8");
  if (text.find('\0') != std::string_view::npos) refuse("the line has a NUL byte");
  if (!text.starts_with('{')) refuse("the line is no JSON object");
  Parser parser(limits);
  json::sax_parse(text.begin(), text.end(), &parser);
  Line line = std::move(parser).take();
  if (auto* job = std::get_if<backend::StoredJob>(&line)) {
    for (LogLine& logged : job->log) logged.job = job->job.id;
  }
  return line;
}

}  // namespace sqlq::transfer
