#pragma once
/// \file
/// What a look at gates reads and writes (gate_look.hpp): a gate with its jobs, and rows as JSON.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/clock.hpp>
#include <sqlq/job.hpp>
#include <sqlq/limits.hpp>

#include "core/gate.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sql {

/// Where a job stands: it was let in, stands in line, or comes later.
enum class Stage : std::uint8_t { inside = 0, line = 1, later = 2 };

/// Rows of a JSON array.
class JsonRows {
 public:
  void add(std::initializer_list<std::string_view> fields) {
    text_ += text_.empty() ? "[[" : ",[";
    bool first = true;
    for (const std::string_view field : fields) {
      if (!std::exchange(first, false)) text_ += ',';
      text_ += field;
    }
    text_ += ']';
    ++size_;
  }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string text() const { return text_.empty() ? "[]" : text_ + ']'; }

 private:
  std::string text_{};
  std::size_t size_ = 0;
};

inline std::string digits(std::int64_t n) { return std::to_string(n); }
inline std::string digits(Stage stage) { return std::to_string(static_cast<int>(stage)); }

/// The number of a queue, and a key of it.
struct GateKey {
  std::int64_t queue = 0;
  std::string key{};
  friend auto operator<=>(const GateKey&, const GateKey&) = default;
};

/// A job, as its own row says.
struct Seen {
  std::int64_t seq = 0;
  JobState state = JobState::invalid;  // it is gone
  std::int64_t claims = 0;
  TimePoint due{};
  int priority = 0;

  [[nodiscard]] bool waits() const noexcept { return state == JobState::waiting; }
  /// Somebody who knows of no gates has let it in.
  [[nodiscard]] bool is_inside() const noexcept {
    return state == JobState::pending || state == JobState::running || state == JobState::cancelling ||
           state == JobState::scheduled;
  }
  [[nodiscard]] core::WaitingJob in_line() const noexcept {
    return {.seq = seq, .priority = priority, .due = due, .returned = claims > 0};
  }
};

/// Columns: seq, state?, claims?, due?, priority?
inline Seen read_seen(Fields& f) {
  Seen seen{.seq = f.integer()};
  if (const auto state = f.maybe_integer()) seen.state = static_cast<JobState>(*state);
  seen.claims = f.maybe_integer().value_or(0);
  seen.due = wall(f.maybe_integer().value_or(0));
  seen.priority = static_cast<int>(f.maybe_integer().value_or(0));
  return seen;
}

/// A job of a gate: where it stood, and what is known of it.
struct Member {
  Seen seen{};
  Stage stage = Stage::line;
  bool counted = false;        // its start, since it was let in
  std::int64_t claims = 0;     // that were counted
  TimePoint started_at{};
  bool let_in = false;
  bool passed = false;  // somebody has locked it

  [[nodiscard]] bool started() const noexcept { return seen.claims > claims; }
};

/// A gate that is locked, and its jobs as far as they were looked at.
struct Gate {
  GateKey name{};
  std::string settings{};  // its own
  KeyLimits limits{};      // those that hold
  core::GateState state{};  // as it was; as it is: room.state
  std::optional<std::int64_t> head{};
  std::optional<std::int64_t> later{};
  std::vector<Member> inside{};
  std::vector<Member> waiting{};  // returned, come or in line: those that may be let in
  core::Room room{};
  std::size_t left = 0;        // of the room
  std::size_t line_known = 0;  // so many rows of the line were read
  std::set<std::int64_t> of_its_line{};  // these
  bool line_ends = false;      // there are no others
  bool locked = false;         // somebody has locked a job that could be let in
  bool any_inside = false;     // beside those of `inside`

  [[nodiscard]] bool limited() const noexcept { return limits != KeyLimits{}; }
  [[nodiscard]] std::size_t of_line() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(waiting, [](const Member& m) {
      return m.stage == Stage::line && m.seen.waits() && !m.let_in && !m.passed;
    }));
  }
  /// Whether others in line could be let in beside those that are known.
  [[nodiscard]] bool may_read_on() const noexcept { return left > 0 && !line_ends && of_line() < left; }
};

}  // namespace sqlq::sql
