#include "worker/executor_pool.hpp"

#include <optional>
#include <utility>

#include "platform/user_code.hpp"

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
  bool has_job = false;
  try {
    while (std::optional<HeldPtr> lease = shared_.ready.take()) {
      has_job = true;
      execute(seat, *lease);
      has_job = false;
    }
  } catch (...) {  // the thread ends: by its handler, or cancelled while it waited for a job
    replace(seat);
    if (has_job) executor_.free_slot();
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

void ExecutorPool::execute(Seat& seat, const HeldPtr& lease) {
  {
    const core::MutexLock lock(seat.mutex);
    seat.running = lease;
  }
  try {
    Ending ending = executor_.run(lease);
    const core::MutexLock lock(seat.mutex);
    const bool wanted = seat.running != nullptr;
    seat.running = nullptr;
    if (wanted) {
      executor_.deliver(lease, std::move(ending));
    } else {
      executor_.free_slot();
    }
  } catch (...) {
    if (platform::in_forced_unwind()) {
      give_up(seat, lease, "the handler ended its thread (pthread_exit or pthread_cancel)", Events::Code::thread_ended);
      throw;
    }
    // Out of memory outside the handler.
    give_up(seat, lease, current_exception_text(), Events::Code::other);
    executor_.free_slot();
  }
}

// Nothing is written: the job comes back when its lease ends.
void ExecutorPool::give_up(Seat& seat, const HeldPtr& lease, const std::string& why, Events::Code code) {
  {
    const core::MutexLock lock(seat.mutex);
    if (std::exchange(seat.running, nullptr) == nullptr) return;  // it was abandoned
  }
  shared_.events.report(Events::Level::error, "executor", why, lease->job().id, code);
  shared_.ended(lease, JobEnd::lost);
  shared_.in_flight.remove({&lease, 1});
}

std::vector<HeldPtr> ExecutorPool::abandon() {
  std::vector<HeldPtr> leases;
  for (const auto& seat : seats_) {
    const core::MutexLock lock(seat->mutex);
    if (!seat->running) continue;
    seat->abandoned = true;
    leases.push_back(std::exchange(seat->running, nullptr));
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
