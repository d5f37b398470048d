#include "worker/executor_pool.hpp"

#include <optional>
#include <system_error>
#include <utility>

#include "platform/user_code.hpp"

namespace sqlq::worker {

ExecutorPool::~ExecutorPool() {
  for (const auto& seat : seats_) {
    if (seat->thread.joinable()) seat->thread.detach();  // only after a stop that failed: better than to terminate
  }
}

void ExecutorPool::start(std::size_t threads, const std::shared_ptr<void>& keep_alive) {
  keep_alive_ = keep_alive;
  watchdog_.also([this] { return fill(); });
  seats_.reserve(threads);  // threads look at them from now on
  for (std::size_t i = 0; i < threads; ++i) {
    Seat& seat = *seats_.emplace_back(std::make_unique<Seat>());
    const std::lock_guard lock(seat.mutex);
    seat.thread = thread_for(seat);
  }
}

std::thread ExecutorPool::thread_for(Seat& seat) {
  return starter_([this, &seat, keep_alive = keep_alive_.lock()] { work(seat); });
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
  std::string refused;
  {
    const std::lock_guard lock(seat.mutex);
    if (seat.closed) return;
    seat.thread.detach();
    try {
      seat.thread = thread_for(seat);
      return;
    } catch (const std::exception& e) {
      refused = e.what();
    }
    seat.vacant = true;
    shared_.slots.shrink();
  }
  shared_.events.report(Events::Level::error, "executor",
                        "the system refused a thread for one that had ended (" + refused + "): " +
                            std::to_string(shared_.slots.capacity()) + " of " +
                            std::to_string(shared_.options.concurrency) + " executors are left; tries again each second",
                        {}, Events::Code::thread_ended);
  watchdog_.wake();
}

bool ExecutorPool::fill() {
  std::size_t filled = 0;
  bool all = true;
  for (const auto& seat : seats_) {
    const std::lock_guard lock(seat->mutex);
    if (!seat->vacant || seat->closed) continue;
    if (try_to_fill(*seat)) {
      ++filled;
    } else {
      all = false;
    }
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

bool ExecutorPool::try_to_fill(Seat& seat) {
  try {
    seat.thread = thread_for(seat);
  } catch (const std::system_error&) {  // said when the thread was lost
    return false;
  }
  seat.vacant = false;
  shared_.slots.grow();
  return true;
}

void ExecutorPool::execute(Seat& seat, const HeldPtr& lease) {
  {
    const std::lock_guard lock(seat.mutex);
    seat.running = lease;
  }
  try {
    Ending ending = executor_.run(lease);
    const std::lock_guard lock(seat.mutex);
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
    const std::lock_guard lock(seat.mutex);
    if (std::exchange(seat.running, nullptr) == nullptr) return;  // it was abandoned
  }
  shared_.events.report(Events::Level::error, "executor", why, lease->job().id, code);
  shared_.in_flight.remove({&lease, 1});
}

std::vector<HeldPtr> ExecutorPool::abandon() {
  std::vector<HeldPtr> leases;
  for (const auto& seat : seats_) {
    const std::lock_guard lock(seat->mutex);
    if (!seat->running) continue;
    seat->abandoned = true;
    leases.push_back(std::exchange(seat->running, nullptr));
  }
  return leases;
}

void ExecutorPool::join() {
  for (const auto& seat : seats_) {
    std::thread thread;
    bool abandoned = false;
    {
      const std::lock_guard lock(seat->mutex);
      seat->closed = true;
      abandoned = seat->abandoned;
      thread = std::move(seat->thread);
    }
    if (!thread.joinable()) continue;
    if (abandoned) {
      thread.detach();
    } else {
      thread.join();
    }
  }
}

}  // namespace sqlq::worker
