#include "notifier.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "arrays.hpp"

namespace sqlq::postgres {
namespace {

/// At most so often: a hundred commits a second cost the others little.
constexpr Duration pace = std::chrono::milliseconds(10);
/// After a failure.
constexpr Duration pause_after_error = std::chrono::seconds(1);
/// A user's transaction is looked at more rarely the longer it has been open, and not for ever.
constexpr Duration slowest_look = std::chrono::seconds(1);
constexpr Duration longest_transaction = std::chrono::minutes(10);
constexpr std::size_t most_followed = 1000;

}  // namespace

Notifier::Notifier(const Options& options, const Schema& schema)
    : options_(options), schema_(schema), thread_([this](const sqlq::stop_token& stop) { run(stop); }) {}

Notifier::~Notifier() {
  thread_.request_stop();
  signal_->notify();
  if (!over_->wait_until(saturating_add(clock_->steady(), last_words))) hurry_.set();
  thread_.join();
}

void Notifier::announce() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(announced_, true)) return;
  }
  signal_->notify();
}

void Notifier::announce_after(std::string transaction) {
  {
    const std::lock_guard lock(mutex_);
    if (followed_.size() >= most_followed) return;
    const auto now = clock_->steady();
    if (!followed_.try_emplace(std::move(transaction), Followed{now, saturating_add(now, pace)}).second) return;
  }
  signal_->notify();
}

SteadyPoint Notifier::next_look() {
  SteadyPoint earliest = SteadyPoint::max();
  for (const auto& [id, f] : followed_) earliest = std::min(earliest, f.look);
  return earliest;
}

void Notifier::run(const sqlq::stop_token& stop) {
  while (!stop.stop_requested()) {
    const auto now = clock_->steady();
    SteadyPoint wake;
    bool announced = false;
    {
      const std::lock_guard lock(mutex_);
      wake = announced_ ? now : next_look();
      wake = std::max(wake, quiet_until_);
      if (wake <= now) announced = std::exchange(announced_, false);
    }
    if (wake > now) {
      signal_->wait_until(wake);
      continue;
    }
    try {
      turn(announced);
    } catch (...) {  // the server is away: other calls say so; tried again later
      connection_.reset();
      const std::lock_guard lock(mutex_);
      announced_ = announced_ || announced;
      quiet_until_ = saturating_add(clock_->steady(), pause_after_error);
    }
  }
  last_turn();
  over_->notify();
}

/// A process that ends right after a commit announces it, and does not leave it to the others' polls. Tried again once:
/// the connection may be an old one, which somebody has ended meanwhile.
void Notifier::last_turn() noexcept {
  bool announced = false;
  {
    const std::lock_guard lock(mutex_);
    announced = announced_;
    for (auto& [id, f] : followed_) f.look = SteadyPoint{};
    if (!announced && followed_.empty()) return;
  }
  for (int tries = 0; tries < 2; ++tries) {
    try {
      return turn(announced);
    } catch (...) {  // the server is away: hints may be lost
      connection_.reset();
      announced = true;
    }
  }
}

void Notifier::turn(bool announced) {
  quiet_until_ = saturating_add(clock_->steady(), pace);
  if (!connection_) {
    connection_ = std::make_unique<PgConnection>(options_, schema_.texts(), Role::hints, &hurry_);
  }
  sql::Session& session = connection_->session();
  if (some_committed(session) || announced) {
    session.execute(schema_.queries().announce, {{"channel", std::string_view(schema_.channel())}});
  }
}

bool Notifier::some_committed(sql::Session& session) {
  const auto now = clock_->steady();
  Array ids(Of::text);
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(followed_, [&](const auto& f) { return now - f.second.since > longest_transaction; });
    for (auto& [id, f] : followed_) {
      if (f.look > now) continue;
      f.look = now + std::clamp((now - f.since) / 8, pace, slowest_look);
      ids.add(std::string_view(id));
    }
  }
  if (ids.empty()) return false;
  try {
    return some_committed(session, ids);
  } catch (const Error& e) {
    if (e.connection_lost()) throw;
    const std::lock_guard lock(mutex_);  // they cannot be followed here; a needless hint does no harm
    followed_.clear();
    return true;
  }
}

bool Notifier::some_committed(sql::Session& session, const Array& ids) {
  std::vector<std::string> over;
  bool committed = false;
  session.execute(schema_.queries().transactions_over, {{"ids", ids.view()}}, [&](const sql::Row& row) {
    over.emplace_back(row.text(0));
    committed = committed || row.null(1) || row.integer(1) != 0;
  });
  const std::lock_guard lock(mutex_);
  for (const auto& id : over) followed_.erase(id);
  return committed;
}

}  // namespace sqlq::postgres
