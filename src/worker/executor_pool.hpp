#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.hpp"
#include "worker/executor.hpp"
#include "worker/replaceable_thread.hpp"
#include "worker/shared.hpp"

namespace sqlq::worker {

/// The threads that run handlers.
///
/// A handler cannot be ended from outside. One that ignores its stop token is abandoned: what it says later is dropped,
/// and its thread keeps what it uses alive by itself until it returns.
///
/// While the system refuses a thread for one that a handler has ended, the worker has a slot less, and `fill` tries
/// again.
class ExecutorPool final {
 public:
  ExecutorPool(Shared& shared, Executor& executor, Fetcher& fetcher, Watchdog& watchdog,
               ThreadStarter starter = start_thread)
      : shared_(shared), executor_(executor), fetcher_(fetcher), watchdog_(watchdog), starter_(std::move(starter)) {}
  ExecutorPool(const ExecutorPool&) = delete;
  ExecutorPool& operator=(const ExecutorPool&) = delete;

  /// `keep_alive` owns this pool and everything it refers to; every thread has a copy. Throws std::system_error when
  /// the system has no more threads; those already started run.
  void start(std::size_t threads, const std::shared_ptr<void>& keep_alive);
  /// Tries to start the missing threads. True: none is missing.
  bool fill();
  /// Gives up the handlers that still run and returns their leases.
  std::vector<HeldPtr> abandon();
  /// After the channel was closed: waits for the threads, except for those of abandoned handlers.
  void join();

 private:
  struct Seat {
    core::Mutex mutex{};  // also: slots are as many as there are threads
    /// The handler runs and their outcomes are wanted. On the stack of the thread.
    std::span<const HeldPtr> running SQLQ_GUARDED_BY(mutex){};
    bool abandoned SQLQ_GUARDED_BY(mutex) = false;
    ReplaceableThread thread{};
  };

  void work(Seat& seat);
  /// Runs the handler of these jobs: `run` returns what is to be delivered.
  template <class Run>
  void execute(Seat& seat, std::span<const HeldPtr> leases, const Run& run);
  void give_up(Seat& seat, std::span<const HeldPtr> leases, const std::string& why, Events::Code code);
  void replace(Seat& seat);

  Shared& shared_;
  Executor& executor_;
  Fetcher& fetcher_;
  Watchdog& watchdog_;
  const ThreadStarter starter_;
  std::vector<std::unique_ptr<Seat>> seats_;
};

}  // namespace sqlq::worker
