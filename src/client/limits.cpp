// Limits by key, as an operator sees and sets them.

#include "client/limits.hpp"

#include <algorithm>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/error.hpp>
#include <sqlq/limits.hpp>

#include "client/queues.hpp"
#include "core/checks.hpp"
#include "core/request_time.hpp"
#include "core/words.hpp"

namespace sqlq {

namespace client {

KeyLimits limits_of(const backend::GateRow& row, const KeyLimits& of_queue) {
  return row.settings.empty() ? of_queue : core::read_key_limits(row.settings);
}

std::optional<TimePoint> rate_opens(const backend::GateRow& row, const KeyLimits& limits,
                                    std::span<const core::InsideJob> inside, TimePoint now) {
  if (!limits.rate || !row.next_start) return std::nullopt;
  const KeyLimits only_rate{.rate = limits.rate};
  const core::Room room = core::measure(only_rate, {.next_start = *row.next_start}, inside, now);
  return room.room > 0 ? std::nullopt : room.opens;
}

std::string shell_key(const std::string& queue, const std::string& key) {
  return queue.starts_with('-') ? core::shell_word(key) : core::shell_operand(key);
}

}  // namespace client

namespace {

backend::Gates& gates_of(const Database& db) {
  if (backend::Gates* const part = db.ready().gates()) return *part;
  throw Error(Errc::configuration, "this database's backend has no limits by key (capability `limits`): use a backend "
                                   "that has them");
}

backend::GateName gate_name(const std::string& queue, const std::string& key) {
  client::check_queue_name(queue);
  core::check_name(key, "the key");
  return {queue, key};
}

KeyStatus status_of(backend::GateRow row, const KeyLimits& of_queue, TimePoint now) {
  KeyStatus status;
  if (!row.settings.empty()) status.own = core::read_key_limits(row.settings);
  status.inside = row.inside.value;
  status.waiting = row.waiting.value;
  status.jobs = std::move(row.jobs);
  status.held = row.held;
  if (!row.held && row.shut_until && *row.shut_until > now) status.opens_at = row.shut_until;
  const auto opens = row.held ? std::nullopt : client::rate_opens(row, client::limits_of(row, of_queue), {}, now);
  if (opens) {
    status.opens_at = std::max(*opens, status.opens_at.value_or(*opens));
  }
  status.key = std::move(row.key);
  return status;
}

/// By the clock that decides.
TimePoint database_time(const Database& db) {
  backend::Insight* const insight = db.dialect().insight();
  const backend::Now now = core::request_time(db.clock());
  return now ? now->wall : insight != nullptr ? insight->clock_now() : db.clock().now();
}

}  // namespace

void Admin::set_key_limits(const std::string& queue, const KeyLimits& limits) {
  client::check_queue_name(queue);
  core::check_key_limits(limits);
  const std::string text = limits == KeyLimits{} ? std::string() : core::key_limits_text(limits);
  gates_of(db_).gate_set({queue, {}}, text, core::request_time(db_.clock()));
}

void Admin::set_key_limits(const std::string& queue, const std::string& key, const std::optional<KeyLimits>& limits) {
  const backend::GateName gate = gate_name(queue, key);
  if (limits) core::check_key_limits(*limits);
  const std::string text = limits ? core::key_limits_text(*limits) : std::string();
  gates_of(db_).gate_set(gate, text, core::request_time(db_.clock()));
}

KeyLimits Admin::key_limits(const std::string& queue) const {
  client::check_queue_name(queue);
  return core::read_key_limits(gates_of(db_).gate_settings(queue));
}

std::vector<KeyStatus> Admin::keys(const std::string& queue, const std::string& after, std::size_t limit) const {
  if (!after.empty()) core::check_name(after, "the key");
  core::check_range(limit, 1, 1000, "the limit of the list");
  const KeyLimits of_queue = key_limits(queue);
  std::vector<backend::GateRow> rows = gates_of(db_).gate_list(queue, after, limit, client::most_jobs_counted);
  const TimePoint now = database_time(db_);
  std::vector<KeyStatus> all;
  for (backend::GateRow& row : rows) all.push_back(status_of(std::move(row), of_queue, now));
  return all;
}

KeyStatus Admin::key(const std::string& queue, const std::string& key) const {
  const backend::GateName gate = gate_name(queue, key);
  std::optional<backend::GateRow> row = gates_of(db_).gate_get(gate, client::most_jobs_counted);
  if (!row) return {.key = key};
  return status_of(*std::move(row), key_limits(queue), database_time(db_));
}

void Admin::shut_key(const std::string& queue, const std::string& key, Duration pause) {
  const backend::GateName gate = gate_name(queue, key);
  if (pause <= Duration::zero()) {
    throw Error(Errc::invalid_argument, "the pause of a key must be longer than zero: open_key opens it");
  }
  backend::Gates& gates = gates_of(db_);
  if (!db_.ready().queue(queue)) client::refuse_unknown_queue(db_, queue);
  gates.gate_shut(gate, pause, core::request_time(db_.clock()));
}

void Admin::open_key(const std::string& queue, const std::string& key) {
  const backend::GateName gate = gate_name(queue, key);
  backend::Gates& gates = gates_of(db_);
  if (!db_.ready().queue(queue)) client::refuse_unknown_queue(db_, queue);
  gates.gate_shut(gate, Duration::zero(), core::request_time(db_.clock()));
}

}  // namespace sqlq
