#include "worker/executor_pool.hpp"

#include <optional>
#include <utility>

#include "worker/forced_unwind.hpp"

namespace sqlq::worker {

ExecutorPool::~ExecutorPool() {
  for (const auto& seat : seats_) {
    if (seat->thread.joinable()) seat->thread.detach();  // only after a stop that failed: better than to terminate
  }
}

void ExecutorPool::start(std::size_t threads, const std::shared_ptr<void>& keep_alive) {
  seats_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) {
    Seat& seat = *seats_.emplace_back(std::make_unique<Seat>());
    seat.thread = std::thread([this, &seat, keep_alive] { work(seat); });
  }
}

void ExecutorPool::work(Seat& seat) {
  while (std::optional<HeldPtr> lease = shared_.ready.take()) execute(seat, *lease);
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
    if (in_forced_unwind()) {  // the handler ended its thread: pthread_exit or pthread_cancel
      give_up(seat, lease, "the handler ended its thread; one executor less from now on");
      shared_.slots.retire();
      throw;
    }
    // Out of memory outside the handler.
    give_up(seat, lease, current_exception_text());
    executor_.free_slot();
  }
}

// Nothing is written: the job comes back when its lease ends.
void ExecutorPool::give_up(Seat& seat, const HeldPtr& lease, const std::string& why) {
  {
    const std::lock_guard lock(seat.mutex);
    seat.running = nullptr;
  }
  shared_.events.report(Events::Level::error, "executor", why, lease->job().id);
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
    if (!seat->thread.joinable()) continue;
    const bool abandoned = [&] {
      const std::lock_guard lock(seat->mutex);
      return seat->abandoned;
    }();
    if (abandoned) {
      seat->thread.detach();
    } else {
      seat->thread.join();
    }
  }
}

}  // namespace sqlq::worker
