#include "rows.hpp"

#include <array>
#include <cstring>
#include <tuple>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "core/sorted.hpp"
#include "sql/reading.hpp"
#include "sql/steps.hpp"

namespace sqlq::mysql {
namespace {

constexpr std::int64_t hour_us = 3'600'000'000;
constexpr std::int64_t longest_retention = 4'000'000'000'000'000'000;

/// A job that snoozes for ever must not fill the disk: only its last records are kept.
constexpr std::int64_t history_kept = 1000;

Locked read_locked(sql::Fields f) {
  Locked r;
  r.seq = f.integer();
  r.id = id_of(f.text());
  r.queue = f.integer();
  r.lane = f.integer();
  r.state = static_cast<JobState>(f.integer());
  r.token = f.integer();
  r.ended = f.integer();
  r.priority = f.integer();
  r.due = f.integer();
  r.queued = f.integer();
  r.attempt = f.integer();
  r.max_attempts = f.integer();
  r.crashes = f.integer();
  r.max_crashes = f.integer();
  r.claims = f.integer();
  r.worker = f.text();
  r.retention = f.maybe_integer();
  if (const auto key = f.maybe_text(); !key.empty()) r.unique_key = key;
  const std::int64_t flags = f.integer();
  r.told = (flags & sql::told_flag) != 0;
  r.gated = (flags & gated_flag) != 0;
  return r;
}

void add_locked(LockedRows& locked, const sql::Row& row) {
  sql::Fields f(row);
  locked.now = f.integer();
  locked.rows.push_back(read_locked(f));
  locked.by_id.emplace(locked.rows.back().id, locked.rows.size() - 1);
}

void write_piece(const Context& c, std::span<const Change> changes) {
  sql::List seqs, was{.width = 3}, states, dues, attempts, crashes, tokens, ended, queued, finished, expires, results;
  for (const Change& change : changes) {
    const Locked& row = *change.was;
    seqs.values.emplace_back(row.seq);
    was.values.insert(was.values.end(), {row.seq, std::int64_t{static_cast<int>(row.state)}, row.token});
    states.values.emplace_back(std::int64_t{static_cast<int>(change.becomes())});
    dues.values.emplace_back(change.due);
    attempts.values.emplace_back(change.attempt);
    crashes.values.emplace_back(change.crashes);
    tokens.values.emplace_back(change.token);
    ended.values.emplace_back(change.ended);
    queued.values.emplace_back(change.queued);
    finished.values.emplace_back(change.finished);
    expires.values.emplace_back(change.expires);
    results.values.push_back(change.result ? sql::Scalar(*change.result) : sql::Scalar(nullptr));
  }
  if (std::ranges::all_of(changes, &Change::is_of_state_only)) {
    c.session.execute(c.q.jobs_state, {{"seqs", seqs},
                                       {"was", was},
                                       {"states", states},
                                       {"finished", finished},
                                       {"expires", expires}});
    return;
  }
  if (std::ranges::all_of(changes, &Change::is_of_due_only)) {
    c.session.execute(
        c.q.jobs_due, {{"seqs", seqs}, {"was", was}, {"states", states}, {"dues", dues}, {"queued", queued}});
    return;
  }
  c.session.execute(c.q.jobs_write, {{"seqs", seqs},
                                     {"was", was},
                                     {"states", states},
                                     {"dues", dues},
                                     {"attempts", attempts},
                                     {"crashes", crashes},
                                     {"tokens", tokens},
                                     {"ended", ended},
                                     {"queued", queued},
                                     {"finished", finished},
                                     {"expires", expires},
                                     {"results", results}});
}

/// In small pieces: the server looks for each row's place in the lists, one after the other.
void write_rows(const Context& c, std::span<const Change> changes) {
  constexpr std::size_t most = 100;
  for (std::size_t at = 0; at < changes.size(); at += most) {
    const auto some = changes.subspan(at, std::min(most, changes.size() - at));
    const auto size_of = [&](std::size_t i) { return literal_size(some[i].result.value_or("")) + 400; };
    in_pieces(c, some.size(), size_of,
              [&](std::size_t first, std::size_t last) { write_piece(c, some.subspan(first, last - first)); });
  }
}

}  // namespace

JobId id_of(std::string_view bytes) {
  std::array<std::uint8_t, 16> id{};
  if (bytes.size() != id.size()) throw Error(Errc::corrupt, "a row has a job id that is not 16 bytes", "mysql");
  std::memcpy(id.data(), bytes.data(), id.size());
  return JobId(id);
}

sql::List list_of(std::span<const std::int64_t> numbers) {
  return {.width = 1, .values = {numbers.begin(), numbers.end()}};
}

sql::List list_of(std::span<const JobId> ids) {
  sql::List list;
  for (const JobId& id : ids) list.values.emplace_back(bytes_of(id));
  return list;
}

Places::Places(const Context& c, std::vector<JobId> ids) {
  ids = core::sorted_once(std::move(ids));
  const sql::Statement& find = c.work.borrowed() ? c.q.find_now : c.q.find;
  in_lists(std::span<const JobId>(ids), [&](std::span<const JobId> piece) {
    c.session.execute(find, {{"ids", list_of(piece)}}, [&](const sql::Row& row) {
      seqs_.push_back(row.integer(0));
      const auto retention = row.null(6) ? std::nullopt : std::optional(row.integer(6));
      by_id_[id_of(row.text(1))] = {.where = {.seq = row.integer(0), .token = row.integer(3), .queue = row.integer(4),
                                              .lane = row.integer(5), .retention = retention,
                                              .keyed = row.integer(7) != 0},
                                    .state = static_cast<JobState>(row.integer(2))};
    });
  });
  std::ranges::sort(seqs_);
}

std::vector<std::int64_t> Places::seqs_of(std::span<const backend::LeaseRef> leases) const {
  std::vector<std::int64_t> seqs;
  for (const backend::LeaseRef& lease : leases) {
    if (may_have(lease.id, lease.token)) seqs.push_back(of(lease.id));
  }
  return core::sorted_once(std::move(seqs));
}

namespace {

LockedRows lock_by(const sql::Statement& statement, const Context& c, std::span<const std::int64_t> seqs) {
  LockedRows locked;
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    c.session.execute(statement, {{"now", c.work.wall()}, {"seqs", list_of(piece)}},
                      [&](const sql::Row& row) { add_locked(locked, row); });
  });
  return locked;
}

}  // namespace

LockedRows lock(const Context& c, std::span<const std::int64_t> seqs) { return lock_by(c.q.lock, c, seqs); }
LockedRows lock_free(const Context& c, std::span<const std::int64_t> seqs) { return lock_by(c.q.lock_free, c, seqs); }

LockedRows lock_ended(const Context& c, std::span<const std::int64_t> seqs) {
  LockedRows locked;
  in_lists(seqs, [&](std::span<const std::int64_t> piece) {
    c.session.execute(c.q.ended_lock,
                      {{"now", c.work.wall()}, {"seqs", list_of(piece)}, {"steady", c.work.steady()}},
                      [&](const sql::Row& row) { add_locked(locked, row); });
  });
  return locked;
}

void Change::finish(JobState as, std::int64_t now, bool errored_retention) {
  state = as;
  finished = now;
  expires = now + std::min(was->retention.value_or(errored_retention ? 7 * 24 * hour_us : 24 * hour_us),
                           longest_retention);
}

std::string json_rows(std::span<const std::string> rows) {
  std::string json = "[";
  for (const std::string& row : rows) {
    if (json.size() > 1) json += ',';
    json += row;
  }
  return json += ']';
}

bool Change::is_of_state_only() const {
  return due == was->due && attempt == was->attempt && crashes == was->crashes && token == was->token &&
         ended == was->ended && queued == was->queued && !result;
}

JobState Change::becomes() const noexcept {
  const bool back = state != was->state && (state == JobState::pending || state == JobState::scheduled);
  return was->gated && back ? JobState::waiting : state;
}

bool Change::is_of_due_only() const {
  const bool waited = was->state == JobState::scheduled || was->state == JobState::waiting;
  return waited && !is_finished(state) && attempt == was->attempt &&
         crashes == was->crashes && token == was->token && ended == was->ended && !result;
}

namespace {

/// Adds rows of a table, many at a time.
class Adder {
 public:
  Adder(const Context& c, const sql::Statement& statement, std::size_t width)
      : c_(c), statement_(statement), rows_{.width = width} {}
  void add(std::initializer_list<std::int64_t> row) {
    rows_.values.insert(rows_.values.end(), row.begin(), row.end());
    if (rows_.rows() == most_rows) flush();
  }
  void flush() {
    if (!rows_.values.empty()) c_.session.execute(statement_, {{"rows", rows_}});
    rows_.values.clear();
  }

 private:
  const Context& c_;
  const sql::Statement& statement_;
  sql::List rows_;
};

}  // namespace

void write(const Context& c, std::span<const Change> changes) {
  std::vector<std::string_view> dead_keys;
  sql::List live_keys{.width = 2};
  for (const Change& change : changes) {
    const Locked& was = *change.was;
    if (!was.unique_key || is_finished(was.state) == is_finished(change.state)) continue;
    const std::string_view key = *was.unique_key;
    if (is_finished(change.state)) dead_keys.push_back(key);
    else live_keys.values.insert(live_keys.values.end(), {sql::Scalar(key), sql::Scalar(bytes_of(was.id))});
  }
  if (!live_keys.values.empty()) c.session.execute(c.q.keys_add, {{"rows", live_keys}});
  write_rows(c, changes);
  remove_keys(c, dead_keys);
  Adder ready(c, c.q.ready_add, 4);
  Adder scheduled(c, c.q.scheduled_add, 4);
  std::vector<sql::Place> not_ready;
  std::vector<Appointment> not_scheduled;
  std::map<std::tuple<std::int64_t, JobState, std::int64_t>, std::vector<std::int64_t>> finished;
  Leaving leaving;
  for (const Change& change : changes) {
    const Locked& was = *change.was;
    const bool waited = was.state == JobState::pending;
    if (waited) not_ready.push_back({was.lane_with(was.crashes), was.priority, was.due, was.seq});
    if (was.state == JobState::scheduled) not_scheduled.push_back({was.lane, was.due, was.seq});
    const JobState state = change.becomes();
    if (was.gated && state == JobState::waiting) c.work.found_keyed();
    if (state == JobState::pending) ready.add({was.lane_with(change.crashes), was.priority, change.due, was.seq});
    if (state == JobState::scheduled) scheduled.add({was.lane, change.due, was.seq, was.priority});
    if (is_finished(state)) finished[{was.lane, state, change.expires}].push_back(was.seq);
    if (was.held() && state != JobState::cancelling) ++leaving[{was.queue, was.token}].count;
  }
  remove_ready(c, not_ready);
  remove_scheduled(c, not_scheduled);
  ready.flush();
  scheduled.flush();
  add_finished(c, finished);
  leave_claims(c, leaving);
}

void remove_ready(const Context& c, std::span<const sql::Place> places) {
  std::map<std::tuple<std::int64_t, std::int64_t, std::int64_t>, std::vector<std::int64_t>> alike;
  for (const sql::Place& p : places) alike[{p.lane, p.priority, p.due}].push_back(p.seq);
  constexpr std::size_t worthwhile = 8;  // rows for a statement of their own
  if (c.work.borrowed() || places.size() >= worthwhile * alike.size()) {
    for (const auto& [key, seqs] : alike) {
      in_lists(std::span<const std::int64_t>(seqs), [&, at = key](std::span<const std::int64_t> piece) {
        c.session.execute(c.q.ready_remove_alike, {{"lane", std::get<0>(at)},
                                                   {"priority", std::get<1>(at)},
                                                   {"due", std::get<2>(at)},
                                                   {"seqs", list_of(piece)}});
      });
    }
    return;
  }
  in_lists(places, [&](std::span<const sql::Place> piece) {
    std::vector<std::string> rows;
    for (const sql::Place& p : piece) rows.push_back(sql::json_array(std::array{p.lane, p.priority, p.due, p.seq}));
    c.session.execute(c.q.ready_remove, {{"rows", std::string_view(json_rows(rows))}});
  });
}

void remove_scheduled(const Context& c, std::span<const Appointment> appointments) {
  if (c.work.borrowed()) {
    for (const Appointment& a : appointments) {
      c.session.execute(c.q.scheduled_remove_one, {{"lane", a.lane}, {"due", a.due}, {"seq", a.seq}});
    }
    return;
  }
  in_lists(appointments, [&](std::span<const Appointment> piece) {
    std::vector<std::string> rows;
    for (const Appointment& a : piece) rows.push_back(sql::json_array(std::array{a.lane, a.due, a.seq}));
    c.session.execute(c.q.scheduled_remove, {{"rows", std::string_view(json_rows(rows))}});
  });
}

void remove_keys(const Context& c, std::span<const std::string_view> keys) {
  in_lists(keys, [&](std::span<const std::string_view> piece) {
    const sql::List list{.width = 1, .values = {piece.begin(), piece.end()}};
    c.session.execute(c.q.keys_remove, {{"keys", list}});
  });
}

namespace {

/// Says whether it was allowed.
bool free_keys(const Context& c, const std::map<std::string, JobId, std::less<>>& gone) {
  sql::List keys, rows{.width = 2};
  for (const auto& [key, id] : gone) {
    keys.values.emplace_back(std::string_view(key));
    rows.values.insert(rows.values.end(), {sql::Scalar(std::string_view(key)), sql::Scalar(bytes_of(id))});
  }
  try {
    if (!gone.empty()) c.session.execute(c.q.keys_free, {{"keys", keys}, {"rows", rows}});
    return true;
  } catch (const Error& e) {
    if (e.code() != Errc::permission) throw;
    return false;
  }
}

}  // namespace

std::map<std::string, JobId, std::less<>> key_holders(const Context& c, std::span<const std::string_view> keys) {
  std::map<std::string, JobId, std::less<>> holders;
  in_lists(keys, [&](std::span<const std::string_view> piece) {
    const sql::List list{.width = 1, .values = {piece.begin(), piece.end()}};
    std::map<std::string, JobId, std::less<>> gone;
    c.session.execute(c.work.borrowed() ? c.q.key_holders_now : c.q.key_holders, {{"keys", list}},
                      [&](const sql::Row& row) {
                        (row.integer(2) != 0 ? gone : holders).emplace(row.text(1), id_of(row.text(0)));
                      });
    if (!free_keys(c, gone)) holders.merge(gone);
  });
  return holders;
}

std::set<JobId> held_ids(const Context& c, std::span<const JobId> ids, bool latest) {
  std::set<JobId> held;
  in_lists(ids, [&](std::span<const JobId> piece) {
    c.session.execute(latest ? c.q.id_holders_now : c.q.id_holders, {{"ids", list_of(piece)}},
                      [&](const sql::Row& row) { held.insert(id_of(row.text(0))); });
  });
  return held;
}

Error refused_by_foreign_index(const sql::Statement& statement) {
  return Error(Errc::refused, "a unique index that is not the library's refuses a job: change the index or the job",
               "mysql", duplicate_entry, statement.name);
}

namespace {

/// If so many of its jobs hold their lease. Says whether it was so.
bool end_claim(const Context& c, const Leaving::key_type& claim, std::int64_t held) {
  return c.session.execute(c.q.claims_end,
                           {{"queue", claim.first}, {"token", claim.second}, {"held", held}}) != 0;
}

}  // namespace

void leave_claims(const Context& c, const Leaving& leaving) {
  for (const auto& [key, leavers] : leaving) {
    if (leavers.all && end_claim(c, key, leavers.count)) continue;
    c.session.execute(c.q.claims_leave, {{"n", leavers.count}, {"queue", key.first}, {"token", key.second}});
    end_claim(c, key, 0);
  }
}

void add_finished(const Context& c, std::span<const std::vector<std::int64_t>> groups) {
  std::vector<std::string> rows;
  for (const std::vector<std::int64_t>& seqs : groups) {
    rows.push_back("[" + std::to_string(seqs.front()) + ",\"" + sql::json_array(std::span(seqs)) + "\"]");
  }
  const auto size_of = [&](std::size_t i) { return rows[i].size() + 1; };
  in_pieces(c, rows.size(), size_of, [&](std::size_t first, std::size_t last) {
    c.session.execute(c.q.finished_add,
                      {{"groups", std::string_view(json_rows(std::span(rows).subspan(first, last - first)))}});
  });
}

namespace {

/// The number of the last line of each job that has lines.
using LastNumbers = std::unordered_map<std::int64_t, std::int64_t>;

LastNumbers last_numbers(const Context& c, const sql::Statement& statement, std::span<const Record> records) {
  LastNumbers numbers;
  std::vector<std::int64_t> seqs;
  for (const Record& r : records) seqs.push_back(r.row->seq);
  c.session.execute(statement, {{"seqs", list_of(seqs)}},
                    [&](const sql::Row& row) { numbers[row.integer(0)] = row.integer(1); });
  return numbers;
}

void insert_history(const Context& c, std::int64_t now, std::span<const Record> records, LastNumbers numbers) {
  sql::List rows{.width = 8};
  for (const Record& r : records) {
    rows.values.insert(rows.values.end(), {r.row->seq, ++numbers[r.row->seq], r.row->claims, r.attempt,
                                           std::int64_t{static_cast<int>(r.cause)}, now,
                                           std::string_view(r.row->worker), std::string_view(r.message)});
  }
  c.session.execute(c.q.history_add, {{"rows", rows}});
  for (const auto& [seq, n] : numbers) {
    if (n > history_kept) c.session.execute(c.q.history_trim, {{"seq", seq}, {"n", n - history_kept}});
  }
}

}  // namespace

void add_history(const Context& c, std::int64_t now, std::span<const Record> records) {
  const auto size_of = [&](std::size_t i) { return literal_size(records[i].message) + 400; };
  in_pieces(c, records.size(), size_of, [&](std::size_t first, std::size_t last) {
    const auto piece = records.subspan(first, last - first);
    try {
      insert_history(c, now, piece, last_numbers(c, c.q.history_last, piece));
    } catch (const Error& e) {
      // A user's transaction may see a snapshot older than the last lines; reading with locks always would keep others
      // from adding lines until he commits.
      if (!c.work.borrowed() || e.native_code() != duplicate_entry) throw;
      insert_history(c, now, piece, last_numbers(c, c.q.history_last_now, piece));
    }
  });
}

}  // namespace sqlq::mysql
