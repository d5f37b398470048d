#include "worker/executor_pool.hpp"

#include <optional>
#include <utility>

#include "platform/user_code.hpp"
#include "worker/batch_run.hpp"

namespace sqlq::worker {

void ExecutorPool::start(std::size_t threads, const std::shared_ptr<void>& keep_alive) {
  watchdog_.also([this] { return fill(); });
  seats_.reserve(threads);  // threads look at them from now on
  for (std::size_t i = 0; i < threads; ++i) {
    Seat& seat = *seats_.emplace_back(std::make_unique<Seat>());
    seat.thread.start(starter_, keep_alive, [this, &seat] { work(seat); });
  }
}

void ExecutorPool::work(Seat& seat) {
  std::size_t jobs = 0;
  try {
    while (std::optional<HeldPtr> lease = shared_.ready.take()) {
      if (const auto batch = (*lease)->take_led()) {
        batch->push_back(*std::move(lease));  // where it was
        jobs = batch->size();
        execute(seat, *batch, [&] { return run_batch(executor_, *batch); });
      } else {
        jobs = 1;
        execute(seat, {&*lease, 1}, [&] { return executor_.run(*lease); });
      }
      jobs = 0;
    }
  } catch (...) {  // the thread ends: by its handler, or cancelled while it waited for a job
    replace(seat);
    if (jobs > 0) executor_.free_slots(jobs);
    throw;
  }
}

// On the thread that ends.
void ExecutorPool::replace(Seat& seat) {
  std::optional<std::string> refused;
  {
    const core::MutexLock lock(seat.mutex);
    refused = seat.thread.replace();
    if (refused) shared_.slots.shrink();
  }
  if (!refused) return;
  const std::string left = std::to_string(shared_.slots.capacity()) + " of " +
                           std::to_string(shared_.options.concurrency) + " executors are left";
  shared_.events.report(Events::Level::error, "executor",
                        "the system refused a thread for one that had ended (" + *refused + "): " + left +
                            "; tries again each second",
                        {}, Events::Code::thread_ended);
  watchdog_.wake();
}

bool ExecutorPool::fill() {
  std::size_t filled = 0;
  bool all = true;
  for (const auto& seat : seats_) {
    const core::MutexLock lock(seat->mutex);
    const ReplaceableThread::Filled now = seat->thread.fill();
    if (now == ReplaceableThread::Filled::refused) all = false;
    if (now != ReplaceableThread::Filled::filled) continue;
    shared_.slots.grow();
    ++filled;
  }
  if (filled > 0) {
    fetcher_.look_again();
    shared_.events.report(Events::Level::info, "executor",
                          std::to_string(shared_.slots.capacity()) + " of " +
                              std::to_string(shared_.options.concurrency) + " executors are there again",
                          {}, Events::Code::thread_ended);
  }
  return all;
}

template <class Run>
void ExecutorPool::execute(Seat& seat, std::span<const HeldPtr> leases, const Run& run) {
  {
    const core::MutexLock lock(seat.mutex);
    seat.running = leases;
  }
  try {
    auto endings = run();
    const core::MutexLock lock(seat.mutex);
    const bool wanted = !std::exchange(seat.running, {}).empty();
    if (wanted) {
      executor_.deliver(std::move(endings));
    } else {
      executor_.free_slots(leases.size());
    }
  } catch (...) {
    if (platform::in_forced_unwind()) {
      give_up(seat, leases, "the handler ended its thread (pthread_exit or pthread_cancel)",
              Events::Code::thread_ended);
      throw;
    }
    // Out of memory outside the handler.
    give_up(seat, leases, current_exception_text(), Events::Code::other);
    executor_.free_slots(leases.size());
  }
}

// Nothing is written: the jobs come back when their leases end.
void ExecutorPool::give_up(Seat& seat, std::span<const HeldPtr> leases, const std::string& why, Events::Code code) {
  {
    const core::MutexLock lock(seat.mutex);
    if (std::exchange(seat.running, {}).empty()) return;  // they were abandoned
  }
  for (const HeldPtr& lease : leases) {
    shared_.events.report(Events::Level::error, "executor", why, lease->job().id, code);
    shared_.ended(lease, JobEnd::lost);
  }
  shared_.in_flight.remove(leases);
}

std::vector<HeldPtr> ExecutorPool::abandon() {
  std::vector<HeldPtr> leases;
  for (const auto& seat : seats_) {
    const core::MutexLock lock(seat->mutex);
    if (seat->running.empty()) continue;
    seat->abandoned = true;
    leases.insert(leases.end(), seat->running.begin(), seat->running.end());
    seat->running = {};
  }
  return leases;
}

void ExecutorPool::join() {
  for (const auto& seat : seats_) {
    core::MutexLock lock(seat->mutex);
    const bool abandoned = seat->abandoned;
    lock.unlock();
    if (abandoned) {
      seat->thread.detach();
    } else {
      seat->thread.join();
    }
  }
}

}  // namespace sqlq::worker
