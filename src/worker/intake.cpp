#include "worker/intake.hpp"

#include <algorithm>
#include <utility>

#include <sqlq/error.hpp>

#include "core/checks.hpp"
#include "core/enqueue_items.hpp"
#include "core/headers.hpp"
#include "core/inbox.hpp"
#include "core/isolate.hpp"
#include "core/text.hpp"

namespace sqlq::worker {
namespace {

using std::chrono::milliseconds, std::chrono::minutes, std::chrono::seconds;

constexpr std::size_t most_taken = 200;
constexpr std::size_t most_left = 10'000;
constexpr Pace::Gaps intake_gaps{.least = milliseconds(200), .most = milliseconds(200)};
constexpr Duration left_for_others = seconds(1);
constexpr Duration left_alone_at_most = minutes(1);
constexpr std::size_t max_problem_bytes = 1024;

std::string number_of(const backend::InboxRow& row) { return std::to_string(row.number); }

}  // namespace

Intake::Intake(Shared& shared) : Service(shared.clock()), shared_(shared), pace_(shared.clock(), intake_gaps) {}

SteadyPoint Intake::step() {
  backend::Inbox* const part = shared_.dialect().inbox();
  if (part == nullptr) return SteadyPoint::max();
  if (!pace_.is_time()) return pace_.next();
  try {
    look(*part);
  } catch (const Error& e) {
    if (e.code() != Errc::permission && e.code() != Errc::schema) throw;
    failed(e.what());
    return pace_.next();
  }
  if (std::exchange(failing_, false)) shared_.events.report(Events::Level::info, name(), "rows are taken again");
  return pace_.next();
}

void Intake::take_all() {
  backend::Inbox* const part = shared_.dialect().inbox();
  if (part == nullptr) return;
  do {
    pace_.begin();
    look(*part);
  } while (pace_.planned() == SteadyPoint::min());
}

void Intake::look(backend::Inbox& part) {
  bool more = false;
  Rows rows;
  for (backend::InboxRow& row : read(part, more)) {
    judge(rows.emplace_back(Taken{.row = std::move(row)}));
  }
  std::vector<Taken*> usual;
  std::vector<Taken*> waiting;
  for (Taken& taken : rows) (taken.may_wait ? waiting : usual).push_back(&taken);
  write(part, usual);
  write_apart(part, waiting);
  if (!rows.empty()) pace_.found();
  pace_.plan(shared_.dialect().capabilities());
  if (more && !rows.empty()) pace_.by(SteadyPoint::min());
  for (const auto& [number, left] : left_) pace_.by(left.until);
}

/// Those that are not left alone; `more`: there may be others behind them.
std::vector<backend::InboxRow> Intake::read(backend::Inbox& part, bool& more) {
  const std::size_t limit = most_taken + std::min(left_.size(), most_left);
  std::vector<backend::InboxRow> rows = part.inbox_rows(0, limit, core::longest_inbox_row(shared_.db.limits()));
  more = rows.size() >= limit;
  std::erase_if(left_, [&](const auto& left) {  // those that are gone
    return !std::ranges::binary_search(rows, left.first, {}, &backend::InboxRow::number);
  });
  std::erase_if(rows, [this](const backend::InboxRow& row) {
    const auto left = left_.find(row.number);
    return left != left_.end() && pace_.last() < left->second.until;
  });
  return rows;
}

void Intake::judge(Taken& taken) {
  taken.item.number = taken.row.number;
  if (taken.row.too_long) {
    keep(taken, "params and headers together are too long: put large data elsewhere, and refer to it");
    return;
  }
  try {
    taken.job = core::job_of(taken.row, shared_.db.limits());
    backend::EnqueueItem item = core::item_of(taken.job, defaults_, shared_.clock().now());
    core::check_can_store(shared_.dialect().capabilities(), taken.job.options);
    taken.headers = core::headers_text(core::stored_headers(taken.job.options));
    item.headers = taken.headers;
    taken.may_wait = core::may_wait(item);
    taken.item.fate = item;
  } catch (const Error& e) {
    make_errored(taken, e.what());
  }
}

void Intake::make_errored(Taken& taken, const std::string& why) {
  taken.errored =
      core::errored_job_of(taken.row, why, shared_.options.name, shared_.clock().now(), shared_.db.limits());
  taken.item.fate = &std::as_const(taken.errored);
  shared_.events.report(Events::Level::warning, name(),
                        "row " + number_of(taken.row) + " of the inbox becomes an errored job: " + why,
                        taken.errored.job.id);
}

void Intake::keep(Taken& taken, std::string_view why) {
  taken.problem = core::ascii_text(why, max_problem_bytes);
  taken.item.fate = std::string_view(taken.problem);
  shared_.events.report(Events::Level::warning, name(),
                        "row " + number_of(taken.row) + " of the inbox is kept as row -" + number_of(taken.row) +
                            ", which is not looked at: " + taken.problem);
}

/// What the database refuses alone becomes an errored job and, if that is refused too, is kept.
void Intake::write(backend::Inbox& part, std::span<Taken*> some) {
  core::write_or_replace(
      some, [&](std::span<Taken* const> rows) { store(part, rows); },
      [&](Taken* taken, const Error& why) {
        make_errored(*taken, why.what());
        return taken;
      },
      [&](const core::Offender& refused, Taken* taken, bool lost) {
        if (!lost) return;
        keep(*taken, refused.error.what());
        store(part, std::span(&taken, 1));
      });
}

/// One whose key or id somebody is storing in a transaction that is open is left alone, and keeps no other waiting.
void Intake::write_apart(backend::Inbox& part, std::span<Taken*> some) {
  std::size_t first = 0;
  core::by_halves(some.size(), [&](std::size_t n) {
    try {
      write(part, some.subspan(first, n));
    } catch (const Error& e) {
      if (e.code() != Errc::busy && e.code() != Errc::retry_transaction) throw;
      if (n > 1) return false;
      leave(*some[first]);
    }
    first += n;
    return true;
  });
}

void Intake::store(backend::Inbox& part, std::span<Taken* const> some) {
  std::vector<backend::InboxItem> items;
  for (const Taken* taken : some) items.push_back(taken->item);
  const auto answers = part.inbox_take(items, shared_.now());
  core::expect_answers(answers.size(), items.size());
  for (std::size_t i = 0; i < some.size(); ++i) {
    if (!answers[i]) {
      leave(*some[i]);
      continue;
    }
    const auto* const job = std::get_if<backend::EnqueueItem>(&items[i].fate);
    if (job == nullptr) continue;
    core::tell_enqueued(shared_.options.observers, std::span(job, 1), std::span(&*answers[i], 1), false);
  }
}

void Intake::leave(const Taken& taken) {
  Left& left = left_[taken.row.number];
  left.pause = std::clamp(left.pause * 2, left_for_others, left_alone_at_most);
  left.until = saturating_add(shared_.clock().steady(), left.pause);
}

void Intake::failed(const std::string& why) {
  pace_.rest();
  if (std::exchange(failing_, true)) return;
  shared_.events.report(Events::Level::warning, name(),
                        "the worker works, but cannot take rows of the inbox: " + why + "; it tries again each minute",
                        {}, Events::Code::service_failed);
}

}  // namespace sqlq::worker
