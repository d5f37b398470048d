#include "writer.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "core/mutant.hpp"
#include "platform/pause.hpp"
#include "platform/user_code.hpp"

namespace sqlq::sqlite {
namespace {

/// Tasks in one transaction: enough to share a commit, few enough to keep the lock short.
constexpr std::size_t max_batch = 256;
/// 4 MiB of WAL, SQLite's own default interval.
constexpr int longest_interval = 1000;
/// Where the volume is full: a transaction or two.
constexpr int shortest_interval = 16;
/// After a reader was in the way. A look costs about 20 us, and 4 kB where the WAL is too long and read from its end.
constexpr Duration between_looks = std::chrono::seconds(2);

bool is_full(const Error& e) noexcept { return e.code() == Errc::busy && (e.native_code() & 0xff) == SQLITE_FULL; }

std::int64_t page_bytes(Connection& connection) {
  constexpr std::int64_t header_of_frame = 24;
  return std::stoll(connection.pragma("PRAGMA page_size")) + header_of_frame;
}

}  // namespace

struct Writer::Task : Call {
  const Work* work = nullptr;
  const Exclusive* exclusive = nullptr;
};

Writer::Writer(const Options& options, const std::shared_ptr<Clock>& clock)
    : Batcher(1),
      clock_(clock),
      wal_limit_(options.wal_limit),
      lock_watch_(clock),
      main_(options, Connection::Role::writer, &lock_watch_),
      page_bytes_(page_bytes(main_)),
      cut_at_(wal_limit_),
      interval_(longest_interval),
      checkpoint_at_(longest_interval) {
  if (options.in_memory()) return;
  checkpointer_ = std::make_unique<Connection>(options, Connection::Role::checkpoint);
  fit_to_volume();
  checkpoint_at_ = interval_;
}

Writer::~Writer() {
  try {
    checkpoint();
  } catch (...) {
    main_.rollback();  // what is committed is in the WAL; the next one to open the file finds it there
  }
}

void Writer::write(const Work& work) {
  Task task;
  task.work = &work;
  run(task);
}

void Writer::exclusive(const Exclusive& action) {
  Task task;
  task.exclusive = &action;
  run(task, alone);
}

bool Writer::try_exclusive(const Exclusive& action) {
  Task task;
  task.exclusive = &action;
  return run(task, alone, false);
}

// Those that waited when this began have waited for the lock as long, and are told with us. Of those that came later,
// and where it was not the lock, the next one tries again.
std::size_t Writer::prepare(const Call& first, std::size_t waiting) {
  not_begun_ = nullptr;
  may_make_room_ = static_cast<const Task&>(first).work != nullptr;
  if (!may_make_room_) return 1;
  try {
    begin();
    return max_batch;
  } catch (...) {
    undo();
    if (platform::in_forced_unwind()) throw;
    const bool busy = not_begun_ != nullptr;
    not_begun_ = std::current_exception();
    return busy ? 1 + waiting : 1;
  }
}

void Writer::begin() {
  if (not_begun_) std::rethrow_exception(not_begun_);
  if (std::exchange(began_, true)) return;
  try {
    main_.begin();
  } catch (const Error& e) {
    if (e.code() == Errc::busy) not_begun_ = std::current_exception();
    throw;
  }
}

// Should it have begun in spite of an error, nobody could ever begin again.
void Writer::undo() noexcept {
  main_.rollback();
  began_ = false;
}

// Committed calls may not run again, and calls that waited for the lock do not wait again.
bool Writer::may_be_of_one(const std::exception_ptr&) noexcept { return !committed_ && !not_begun_; }

void Writer::write(Line& calls) {
  try {
    transact(calls);
  } catch (const Error& e) {
    if (!is_full(e) || !std::exchange(may_make_room_, false) || !make_room()) throw;
    transact(calls);
  }
}

void Writer::transact(Line& calls) {
  committed_ = false;
  try {
    if (const auto* action = static_cast<Task&>(*calls.first()).exclusive) return (*action)(main_);
    begin();
    for (Call* call = calls.first(); call != nullptr; call = call->next()) {
      (*static_cast<Task&>(*call).work)(main_.session());
    }
    SQLQ_MUTANT(acknowledge_before_commit, {
      Call& first = calls.pop();
      tell(calls, nullptr);
      calls.push(first);
      platform::pause_for(std::chrono::milliseconds(5));
    })
    main_.commit();
    committed_ = true;
    main_.confirm();
  } catch (...) {
    undo();
    throw;
  }
  began_ = false;
}

void Writer::tidy() {
  exclusive([this](Connection&) {
    leading_role_.is_mine();
    checkpoint_at_ = 0;
  });
}

void Writer::checkpoint_if_due() noexcept {
  if (!checkpointer_) return;
  if (main_.wal_pages() < checkpoint_at_ && clock_->steady() < look_again_at_) return;
  try {
    checkpoint();
  } catch (...) {
    main_.rollback();  // full disk, foreign lock: the WAL grows on and the next commit tries again
  }
}

/// True if the next commit begins the WAL anew, unless somebody reads from it.
bool Writer::checkpoint() {
  if (!checkpointer_) return false;
  const bool all = checkpointer_->checkpoint(main_);
  fit_to_volume();
  // Copied entirely: the next commit starts the WAL over. Else a reader holds it: try again after another interval.
  checkpoint_at_ = (all ? 0 : main_.wal_pages()) + interval_;
  const bool too_long = all && main_.wal_size() > cut_at_;
  look_again_at_ = all && !too_long ? SteadyPoint::max() : saturating_add(clock_->steady(), between_looks);
  if (!too_long) return all;
  main_.begin_wal_anew();  // or whoever commits next does; but who knows when that is
  if (main_.wal_size() <= cut_at_) look_again_at_ = SteadyPoint::max();
  return all;
}

/// The disk is full: frames that were copied out of the WAL may be written over.
bool Writer::make_room() noexcept {
  try {
    return checkpoint();
  } catch (...) {
    main_.rollback();
    return false;
  }
}

/// The WAL gets half of what is left of the volume at most: the other half is for its pages when they are copied.
void Writer::fit_to_volume() {
  const std::int64_t half = (main_.free_space() + main_.wal_size()) / 2;
  const auto pages = std::clamp<std::int64_t>(half / page_bytes_, shortest_interval, longest_interval);
  interval_ = static_cast<int>(pages);
  const std::int64_t cut_at = std::min(wal_limit_, std::max(half, page_bytes_ * shortest_interval));
  if (cut_at != cut_at_) main_.limit_wal(cut_at);
  cut_at_ = cut_at;
}

}  // namespace sqlq::sqlite
