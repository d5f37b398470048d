#include "client/explain_keys.hpp"

#include <string>
#include <utility>

#include "client/limits.hpp"
#include "core/words.hpp"

namespace sqlq {

namespace {

using Code = Reason::Code;

std::string jobs_in_words(const CappedCount& count) {
  return (count.capped ? "more than " : "") + std::to_string(count.value) +
         (count.value == 1 && !count.capped ? " job" : " jobs");
}

class KeyReasons {
 public:
  KeyReasons(backend::Dialect& dialect, backend::Gates& gates, const Job& job, TimePoint now)
      : dialect_(dialect), gates_(gates), job_(job), now_(now), key_(key_of(job)) {}

  std::vector<Reason> all() && {
    const std::optional<backend::GateRow> row = gates_.gate_get({job_.queue, key_}, client::most_jobs_counted);
    if (row) {
      const KeyLimits limits = client::limits_of(*row, core::read_key_limits(gates_.gate_settings(job_.queue)));
      add_used(*row, limits);
      add_rate(*row, limits);
      add_shut(*row);
    }
    add_line();
    return std::move(reasons_);
  }

 private:
  void add(Reason reason, std::string sentence) {
    reason.state = job_.state;
    reason.queue = job_.queue;
    reason.key = key_;
    reason.sentence = std::move(sentence);
    reasons_.push_back(std::move(reason));
  }

  [[nodiscard]] std::string named() const { return "key " + core::quoted(key_); }

  void add_used(const backend::GateRow& row, const KeyLimits& limits) {
    const std::optional<std::uint32_t> limit = core::concurrency_of(limits);
    if (!limit || row.inside.value < *limit) return;
    std::string raise = "its jobs run one at a time, in order";
    if (limits.order != KeyOrder::strict || *limit == 0) {
      raise = "raise it with Admin::set_key_limits or `sqlq queue limit-keys --key=" + core::shell_word(key_) +
              " --concurrency N " + core::shell_operand(job_.queue) + "`";
    }
    Reason reason{.code = Code::key_used, .count = row.inside.value, .capped = row.inside.capped, .limit = *limit};
    reason.jobs = row.jobs;
    if (*limit == 0) {
      return add(std::move(reason), named() + " has the limit 0, which lets none of its jobs in: " + raise);
    }
    std::string sentence = "the limit of " + named() + ", " + std::to_string(*limit) + ", is used up: " +
                           jobs_in_words(row.inside) + (row.inside.value == 1 ? " is let in" : " are let in");
    if (!row.jobs.empty()) {
      const std::string first = row.jobs.front().to_string();
      sentence += ", such as " + first + "; `sqlq explain " + first + "` says why that one has not ended";
    }
    add(std::move(reason), sentence + "; " + raise);
  }

  /// Of a rate those that were let in and have not started count as starting now.
  [[nodiscard]] std::vector<core::InsideJob> inside(const backend::GateRow& row) const {
    std::vector<core::InsideJob> known;
    if (row.jobs.empty()) return known;
    for (const std::optional<Job>& job : dialect_.get(row.jobs, nullptr)) {
      if (!job || job->state == JobState::running || job->state == JobState::cancelling) continue;
      known.push_back({.seq = static_cast<std::int64_t>(known.size()), .state = job->state});
    }
    return known;
  }

  void add_rate(const backend::GateRow& row, const KeyLimits& limits) {
    if (!limits.rate) return;
    const std::optional<TimePoint> opens = client::rate_opens(row, limits, inside(row), now_);
    if (!opens || *opens <= now_) return;
    add({.code = Code::key_rate, .at = opens},
        named() + " has started as many jobs as its rate allows, " + std::to_string(limits.rate->count) + " in " +
            core::in_words(limits.rate->per) + ": the next may start at " + core::in_words(*opens, now_) +
            "; change it with Admin::set_key_limits or `sqlq queue limit-keys --key=" + core::shell_word(key_) +
            " --rate 100/1m " + core::shell_operand(job_.queue) + "`");
  }

  void add_shut(const backend::GateRow& row) {
    const std::string open = "Admin::open_key or `sqlq queue open-key " + core::shell_operand(job_.queue) + " " +
                             client::shell_key(job_.queue, key_) + "` opens it";
    if (row.held) {
      return add({.code = Code::key_shut},
                 named() + " is shut until somebody opens it, as after an error of a job of it or by an operator: " +
                     open);
    }
    if (!row.shut_until || *row.shut_until <= now_) return;
    add({.code = Code::key_shut, .at = row.shut_until},
        named() + " is shut until " + core::in_words(*row.shut_until, now_) +
            ", by an operator or by a job that was throttled: " + open + " earlier");
  }

  void add_line() {
    const CappedCount before = gates_.gate_before(job_.id, client::most_jobs_counted);
    if (before.value == 0) return;
    add({.code = Code::key_line, .count = before.value, .capped = before.capped},
        jobs_in_words(before) + " of " + named() +
            (before.value == 1 && !before.capped ? " comes before it" : " come before it"));
  }

  backend::Dialect& dialect_;
  backend::Gates& gates_;
  const Job& job_;
  const TimePoint now_;
  const std::string key_;
  std::vector<Reason> reasons_{};
};

}  // namespace

std::vector<Reason> key_reasons(backend::Dialect& dialect, backend::Gates& gates, const Job& job, TimePoint now) {
  return KeyReasons(dialect, gates, job, now).all();
}

}  // namespace sqlq
