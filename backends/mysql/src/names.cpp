#include "names.hpp"

#include <algorithm>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/worker_info.hpp>

#include "rows.hpp"

namespace sqlq::mysql {
namespace {

constexpr std::int64_t between_rounds = Duration(std::chrono::hours(24)).count();

sql::List listed(const std::set<std::int64_t>& numbers) {
  return list_of(std::vector<std::int64_t>(numbers.begin(), numbers.end()));
}

}  // namespace

void NameSweep::step(sql::Work& work, const Queries& q) {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock || forbidden_) return;
  try {
    numbers_.empty() ? begin(work, q) : go_on(work.session(), q);
  } catch (const Error& e) {
    numbers_.clear();
    if (e.connection_lost()) throw;
    if (work.begun()) work.begin_anew();
    forbidden_ = e.code() == Errc::permission;
  }
}

void NameSweep::begin(sql::Work& work, const Queries& q) {
  if (resting_ > 0) {
    --resting_;
    return;
  }
  resting_ = rest;
  sql::Session& s = work.session();
  std::vector<std::int64_t> gone;
  s.execute(q.names_gone,
            {{"now", work.wall()}, {"day", between_rounds}, {"expiry", worker_expiry.count()}, {"n", most}},
            [&](const sql::Row& row) {
              since_ = row.integer(0);
              gone.push_back(row.integer(1));
            });
  if (gone.size() < few) return;
  if (s.integer(q.names_asleep, {{"since", since_ - between_rounds}}).value_or(0) > 0) return;
  // Locked ones belong to claims that are under way: for another day.
  work.begin();
  std::set<std::int64_t> mine;
  s.execute(q.names_lock, {{"numbers", list_of(gone)}, {"since", since_ - between_rounds}},
            [&](const sql::Row& row) { mine.insert(row.integer(0)); });
  if (mine.empty()) return;
  s.execute(q.names_sleep, {{"since", since_}, {"numbers", listed(mine)}});
  numbers_ = std::move(mine);
  after_ = 0;
  resting_ = 0;
}

void NameSweep::go_on(sql::Session& s, const Queries& q) {
  if (after_ == 0) keep_asleep(s, q);
  for (int i = 0; i < statements_a_step && !numbers_.empty(); ++i) {
    bool any = false;
    s.execute(q.names_used, {{"after", after_}, {"n", jobs_a_statement}}, [&](const sql::Row& row) {
      numbers_.erase(row.integer(0));
      after_ = std::max(after_, row.integer(1));
      any = true;
    });
    if (any) continue;
    s.execute(q.names_remove, {{"numbers", listed(numbers_)}, {"since", since_}});
    numbers_.clear();
  }
}

void NameSweep::keep_asleep(sql::Session& s, const Queries& q) {
  std::set<std::int64_t> asleep;
  s.execute(q.names_still_asleep, {{"numbers", listed(numbers_)}, {"since", since_}},
            [&](const sql::Row& row) { asleep.insert(row.integer(0)); });
  numbers_ = std::move(asleep);
}

}  // namespace sqlq::mysql
