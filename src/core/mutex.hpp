#pragma once
/// \file
/// A mutex whose rules clang checks (-Wthread-safety): which mutex guards a member, and which functions need it held.
/// libstdc++'s mutex says nothing to it. Costs what std::mutex does, and other compilers see no more than that.
///
/// Clang checks neither constructors and destructors, nor what a catch block does. A lambda is a function of its own
/// that holds nothing: copy for it, or give it a span of, what it needs.

#include <condition_variable>
#include <mutex>

#ifdef __clang__
#define SQLQ_THREAD_SAFETY(attribute) __attribute__((attribute))
#else
#define SQLQ_THREAD_SAFETY(attribute)
#endif

/// The member, or what the pointer points to, is touched only while the mutex is held.
#define SQLQ_GUARDED_BY(mutex) SQLQ_THREAD_SAFETY(guarded_by(mutex))
#define SQLQ_PT_GUARDED_BY(mutex) SQLQ_THREAD_SAFETY(pt_guarded_by(mutex))
/// The function is called while the mutex is held, or while it is not.
#define SQLQ_REQUIRES(mutex) SQLQ_THREAD_SAFETY(requires_capability(mutex))
#define SQLQ_EXCLUDES(mutex) SQLQ_THREAD_SAFETY(locks_excluded(mutex))
/// For the classes below only. Without an argument: the object itself.
#define SQLQ_CAPABILITY(kind) SQLQ_THREAD_SAFETY(capability(kind))
#define SQLQ_SCOPED_CAPABILITY SQLQ_THREAD_SAFETY(scoped_lockable)
#define SQLQ_ACQUIRE(...) SQLQ_THREAD_SAFETY(acquire_capability(__VA_ARGS__))
#define SQLQ_RELEASE(...) SQLQ_THREAD_SAFETY(release_capability(__VA_ARGS__))
#define SQLQ_ASSERT_HELD SQLQ_THREAD_SAFETY(assert_capability())

namespace sqlq::core {

class SQLQ_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock() SQLQ_ACQUIRE() { native_.lock(); }
  void unlock() SQLQ_RELEASE() { native_.unlock(); }

 private:
  friend class Condition;
  std::mutex native_;
};

/// Holds the mutex while it lives, but for the time between unlock and lock.
class SQLQ_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SQLQ_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() SQLQ_RELEASE() {
    if (held_) mutex_.unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  void lock() SQLQ_ACQUIRE() {
    mutex_.lock();
    held_ = true;
  }
  void unlock() SQLQ_RELEASE() {
    held_ = false;
    mutex_.unlock();
  }

 private:
  Mutex& mutex_;
  bool held_ = true;
};

/// The reverse: gives up the mutex, which is held, while it lives; also when an exception ends that.
class SQLQ_SCOPED_CAPABILITY MutexUnlock {
 public:
  explicit MutexUnlock(Mutex& mutex) SQLQ_RELEASE(mutex) : mutex_(mutex) { mutex_.unlock(); }
  ~MutexUnlock() SQLQ_RELEASE() { mutex_.lock(); }
  MutexUnlock(const MutexUnlock&) = delete;
  MutexUnlock& operator=(const MutexUnlock&) = delete;

 private:
  Mutex& mutex_;
};

class Condition {
 public:
  void notify_one() noexcept { native_.notify_one(); }
  void notify_all() noexcept { native_.notify_all(); }
  /// Without the mutex meanwhile; may return though nobody notified. A thread that is cancelled holds the mutex again
  /// when it unwinds.
  void wait(Mutex& mutex) SQLQ_REQUIRES(mutex) {
    struct Lent {
      std::unique_lock<std::mutex> lock;
      ~Lent() { lock.release(); }
    } lent{std::unique_lock(mutex.native_, std::adopt_lock)};
    native_.wait(lent.lock);
  }

 private:
  std::condition_variable native_;
};

/// A role that one thread has at a time though no mutex says so: data guarded by it belongs to that thread.
class SQLQ_CAPABILITY("role") Role {
 public:
  /// From here on to the end of the function this thread has it: the caller knows.
  void is_mine() const noexcept SQLQ_ASSERT_HELD {}
};

}  // namespace sqlq::core
