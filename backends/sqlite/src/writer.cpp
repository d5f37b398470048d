#include "writer.hpp"

#include "core/made_anew.hpp"
#include "core/mutant.hpp"
#include "platform/pause.hpp"

namespace sqlq::sqlite {
namespace {

/// Tasks in one transaction: enough to share a commit, few enough to keep the lock short.
constexpr std::size_t max_batch = 256;
/// 4 MiB of WAL, SQLite's own default interval.
constexpr int checkpoint_interval = 1000;

/// For another thread.
std::exception_ptr made_anew(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const Error& e) {
    return std::make_exception_ptr(core::made_anew(e));
  } catch (...) {
    return error;
  }
}

}  // namespace

struct Writer::Task {
  const Work* work = nullptr;
  const Exclusive* exclusive = nullptr;
  std::exception_ptr error{};
  bool done = false;
  bool lead = false;  // it is this one's turn to write
  std::condition_variable wake{};
};

Writer::Writer(const Options& options)
    : main_(options, Connection::Role::writer), checkpoint_at_(checkpoint_interval) {
  if (!options.in_memory()) checkpointer_ = std::make_unique<Connection>(options, Connection::Role::checkpoint);
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
  if (busy_ || !queue_.empty()) return false;
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
  queue_.push_back(&task);
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

void Writer::hand_over() {
  busy_ = !queue_.empty();
  if (!busy_) return;
  queue_.front()->lead = true;
  queue_.front()->wake.notify_one();
}

void Writer::lead(std::unique_lock<std::mutex>& lock) {
  std::vector<Task*> batch;
  if (queue_.front()->exclusive != nullptr) {
    batch = gather();
    lock.unlock();
    run_alone(*batch.front());
  } else {
    const std::size_t waiting = queue_.size();
    lock.unlock();
    std::exception_ptr locked_out;
    try {
      main_.begin_immediate();
    } catch (...) {
      locked_out = std::current_exception();
      main_.rollback();  // should it have begun in spite of it, nobody could ever begin again
    }
    lock.lock();  // taken after the wait for the lock, so that whoever came meanwhile is served too
    if (locked_out) {
      // Who was there before has waited as long; of those who came later the first tries again.
      for (std::size_t i = 0; i < waiting && queue_.front()->exclusive == nullptr; ++i) {
        batch.push_back(queue_.front());
        queue_.pop_front();
        batch.back()->error = made_anew(locked_out);
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

void Writer::answer(std::span<Task* const> tasks) {
  const std::lock_guard lock(mutex_);
  for (Task* task : tasks) {
    task->done = true;
    task->wake.notify_one();  // under the mutex: the task is gone once its owner can take it
  }
}

std::vector<Writer::Task*> Writer::gather() {
  std::vector<Task*> batch;
  const bool alone = queue_.front()->exclusive != nullptr;
  while (!queue_.empty() && batch.size() < (alone ? 1 : max_batch) && alone == (queue_.front()->exclusive != nullptr)) {
    batch.push_back(queue_.front());
    queue_.pop_front();
  }
  return batch;
}

void Writer::run(std::vector<Task*>& batch) {
  try {
    for (Task* task : batch) (*task->work)(main_.session());
    SQLQ_MUTANT(acknowledge_before_commit, answer(std::span(batch).subspan(1)); batch.resize(1);
                platform::pause_for(std::chrono::milliseconds(5)))
    commit();
  } catch (...) {
    main_.rollback();
    if (batch.size() == 1) {
      batch.front()->error = std::current_exception();
      return;
    }
    // One of them failed and took the others with it: each for itself, so that only the guilty one fails.
    for (Task* task : batch) run_alone(*task);
  }
}

void Writer::run_alone(Task& task) noexcept {
  try {
    if (task.exclusive != nullptr) {
      (*task.exclusive)(main_);
    } else {
      main_.begin_immediate();
      (*task.work)(main_.session());
      commit();
    }
  } catch (...) {
    task.error = std::current_exception();
    main_.rollback();
  }
}

void Writer::commit() {
  main_.commit();
  main_.check_file();
}

void Writer::checkpoint_if_due() noexcept {
  if (!checkpointer_ || main_.wal_pages() < checkpoint_at_) return;
  try {
    checkpoint();
  } catch (...) {
    main_.rollback();  // full disk, foreign lock: the WAL grows on and the next commit tries again
  }
}

void Writer::checkpoint() {
  if (!checkpointer_) return;
  const bool all = checkpointer_->checkpoint(main_);
  // Copied entirely: the next commit starts the WAL over. Else a reader holds it: try again after another interval.
  checkpoint_at_ = (all ? 0 : main_.wal_pages()) + checkpoint_interval;
}

}  // namespace sqlq::sqlite
