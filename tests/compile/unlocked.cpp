// What core/mutex.hpp lets clang find, and a part of what it must say. Number 0 is right.

#include "core/mutex.hpp"

namespace {

using sqlq::core::Mutex;
using sqlq::core::MutexLock;
using sqlq::core::MutexUnlock;

class Counter {
 public:
  void add(int n) SQLQ_EXCLUDES(mutex_);
  int wait() SQLQ_EXCLUDES(mutex_);
  void lead() SQLQ_REQUIRES(leading_) { ++led_; }
  void mistake();

 private:
  void add_locked(int n) SQLQ_REQUIRES(mutex_) { count_ += n; }

  Mutex mutex_;
  sqlq::core::Condition changed_;
  int count_ SQLQ_GUARDED_BY(mutex_) = 0;
  int* last_ SQLQ_PT_GUARDED_BY(mutex_) = nullptr;
  sqlq::core::Role leading_;
  int led_ SQLQ_GUARDED_BY(leading_) = 0;
};

void Counter::add(int n) {
  MutexLock lock(mutex_);
  add_locked(n);
  lock.unlock();
  changed_.notify_all();
  lock.lock();
  if (last_ != nullptr) *last_ = count_;
}

int Counter::wait() {
  const MutexLock lock(mutex_);
  while (count_ == 0) changed_.wait(mutex_);
  {
    const MutexUnlock unlocked(mutex_);
    add(1);
  }
  return count_;
}

void Counter::mistake() {
#if SQLQ_MISTAKE == 0  // nothing
  leading_.is_mine();
  lead();
#elif SQLQ_MISTAKE == 1  // writing variable 'count_' requires holding mutex 'mutex_'
  count_ = 1;
#elif SQLQ_MISTAKE == 2  // calling function 'add_locked' requires holding mutex 'mutex_'
  add_locked(1);
#elif SQLQ_MISTAKE == 3  // cannot call function 'add' while mutex 'mutex_' is held
  const MutexLock lock(mutex_);
  add(1);
#elif SQLQ_MISTAKE == 4  // calling function 'wait' requires holding mutex 'mutex_'
  changed_.wait(mutex_);
#elif SQLQ_MISTAKE == 5  // acquiring mutex 'mutex_' that is already held
  const MutexLock lock(mutex_);
  const MutexLock again(mutex_);
#elif SQLQ_MISTAKE == 6  // reading variable 'count_' requires holding mutex 'mutex_'
  MutexLock lock(mutex_);
  lock.unlock();
  if (count_ > 0) lock.lock();
#elif SQLQ_MISTAKE == 7  // writing variable 'count_' requires holding mutex 'mutex_'
  const MutexLock lock(mutex_);
  const MutexUnlock unlocked(mutex_);
  count_ = 1;
#elif SQLQ_MISTAKE == 8  // reading the value pointed to by 'last_' requires holding mutex 'mutex_'
  if (last_ != nullptr && *last_ > 0) lead();
#elif SQLQ_MISTAKE == 9  // calling function 'lead' requires holding role 'leading_'
  lead();
#elif SQLQ_MISTAKE == 10  // writing variable 'count_' requires holding mutex 'mutex_'
  const MutexLock lock(mutex_);
  const auto later = [this] { count_ = 1; };
  later();
#elif SQLQ_MISTAKE == 11  // mutex 'mutex_' is still held at the end of function
  mutex_.lock();
#endif
}

}  // namespace

void use() {
  Counter counter;
  counter.add(1);
  counter.mistake();
  static_cast<void>(counter.wait());
}
