#include "writer.hpp"

#include <algorithm>
#include <string>

#include "core/made_anew.hpp"
#include "core/mutant.hpp"
#include "platform/pause.hpp"

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

/// For another thread.
std::exception_ptr made_anew(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    try {
      throw core::made_anew(e);
    } catch (...) {  // or that there was no memory for it
      return std::current_exception();
    }
  } catch (...) {
    return error;
  }
}

bool is_busy(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code() == Errc::busy;
  } catch (...) {
    return false;
  }
}

bool is_full(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return e.code() == Errc::busy && (e.native_code() & 0xff) == SQLITE_FULL;
  } catch (...) {
    return false;
  }
}

std::int64_t page_bytes(Connection& connection) {
  constexpr std::int64_t header_of_frame = 24;
  return std::stoll(connection.pragma("PRAGMA page_size")) + header_of_frame;
}

}  // namespace

struct Writer::Task {
  const Work* work = nullptr;
  const Exclusive* exclusive = nullptr;
  std::exception_ptr error{};
  bool done = false;
  bool lead = false;  // it is this one's turn to write
  std::condition_variable wake{};
  Task* next = nullptr;  // in its line
};

void Writer::Line::push(Task& task) noexcept {
  task.next = nullptr;
  (last_ != nullptr ? last_->next : first_) = &task;
  last_ = &task;
  ++size_;
}

Writer::Task& Writer::Line::pop() noexcept {
  Task& task = *first_;
  first_ = task.next;
  if (first_ == nullptr) last_ = nullptr;
  --size_;
  return task;
}

Writer::Writer(const Options& options, const std::shared_ptr<Clock>& clock)
    : clock_(clock),
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
  Task task{.work = &work};
  submit(task);
}

void Writer::exclusive(const Exclusive& action) {
  Task task{.exclusive = &action};
  submit(task);
}

bool Writer::try_exclusive(const Exclusive& action) {
  Task task{.exclusive = &action};
  std::unique_lock lock(mutex_);
  if (busy_ || queue_.size() > 0) return false;
  busy_ = true;
  lock.unlock();
  run_alone(task);
  lock.lock();
  hand_over();
  if (task.error) std::rethrow_exception(task.error);
  return true;
}

std::size_t Writer::waiting() {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void Writer::submit(Task& task) {
  std::unique_lock lock(mutex_);
  queue_.push(task);
  if (busy_) {
    task.wake.wait(lock, [&] { return task.done || task.lead; });
  } else {
    busy_ = true;
  }
  if (!task.done) {  // the lead is ours, and so is the front of the queue
    lead(lock);
    hand_over();
  }
  lock.unlock();
  if (task.error) std::rethrow_exception(task.error);
}

void Writer::hand_over() noexcept {
  busy_ = queue_.size() > 0;
  if (!busy_) return;
  queue_.first()->lead = true;
  queue_.first()->wake.notify_one();
}

void Writer::lead(std::unique_lock<std::mutex>& lock) noexcept {
  Line batch;
  if (queue_.first()->exclusive != nullptr) {
    batch.push(queue_.pop());
    lock.unlock();
    run_alone(*batch.first());
  } else {
    const std::size_t waiting = queue_.size();
    lock.unlock();
    const std::exception_ptr locked_out = take_lock();
    lock.lock();  // taken after the wait for the lock, so that whoever came meanwhile is served too
    if (locked_out) {
      // Who was there before has waited for the lock as long. Of those who came later, and where it was not the lock,
      // the next one tries again.
      const std::size_t told = is_busy(locked_out) ? waiting : 1;
      for (std::size_t i = 0; i < told && queue_.first()->exclusive == nullptr; ++i) {
        Task& task = queue_.pop();
        task.error = made_anew(locked_out);
        batch.push(task);
      }
    } else {
      batch = gather();
    }
    lock.unlock();
    if (!locked_out) run(batch);
  }
  answer(batch);
  checkpoint_if_due();
  lock.lock();
}

std::exception_ptr Writer::take_lock() noexcept {
  try {
    main_.begin();
    return nullptr;
  } catch (...) {
    const auto error = std::current_exception();
    main_.rollback();  // should it have begun in spite of it, nobody could ever begin again
    return error;
  }
}

void Writer::answer(Line& tasks) noexcept {
  const std::lock_guard lock(mutex_);
  while (tasks.size() > 0) {
    Task& task = tasks.pop();
    task.done = true;
    task.wake.notify_one();  // under the mutex: the task is gone once its owner can take it
  }
}

Writer::Line Writer::gather() noexcept {
  Line batch;
  while (queue_.size() > 0 && batch.size() < max_batch && queue_.first()->exclusive == nullptr) {
    batch.push(queue_.pop());
  }
  return batch;
}

void Writer::run(Line& batch) noexcept {
  try {
    for (Task* task = batch.first(); task != nullptr; task = task->next) (*task->work)(main_.session());
    SQLQ_MUTANT(acknowledge_before_commit, {
      Task& first = batch.pop();
      answer(batch);
      batch.push(first);
      platform::pause_for(std::chrono::milliseconds(5));
    })
    main_.commit();
  } catch (...) {
    const auto error = std::current_exception();
    main_.rollback();
    const bool room = is_full(error) && make_room();
    if (batch.size() == 1 && !room) {
      batch.first()->error = error;
      return;
    }
    // One of them failed and took the others with it: each for itself, so that only the guilty one fails.
    for (Task* task = batch.first(); task != nullptr; task = task->next) run_alone(*task);
    return;
  }
  try {
    main_.confirm();
  } catch (...) {  // committed, so none of them may run again
    const auto error = std::current_exception();
    for (Task* task = batch.first(); task != nullptr; task = task->next) task->error = made_anew(error);
  }
}

void Writer::run_alone(Task& task) noexcept {
  try {
    if (task.exclusive != nullptr) {
      (*task.exclusive)(main_);
    } else {
      main_.begin();
      (*task.work)(main_.session());
      main_.commit();
      main_.confirm();
    }
  } catch (...) {
    task.error = std::current_exception();
    main_.rollback();
  }
}

void Writer::tidy() {
  exclusive([this](Connection&) { checkpoint_at_ = 0; });
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
