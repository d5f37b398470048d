#pragma once
/// \file
/// Hooks around enqueue and observers: the calls of the user's code.
///
/// Thread-safety: any thread.

#include <memory>
#include <span>
#include <vector>

#include <sqlq/backend/requests.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/observer.hpp>

namespace sqlq::core {

using Observers = std::vector<std::shared_ptr<Observer>>;

/// Throws Error(invalid_argument) when one of them is null.
void check_observers(const Observers& observers, const char* option);

/// Exceptions are dropped.
void tell(const Observers& observers, const Event& event) noexcept;

/// A JobEnqueued for each item.
void tell_enqueued(const Observers& observers, std::span<const backend::EnqueueItem> items,
                   std::span<const Enqueued> answers, bool in_transaction) noexcept;

/// The jobs as the hooks make them. Throws what hooks throw, and Error(misuse) for one that has changed an id.
[[nodiscard]] std::vector<NewJob> pass_hooks(std::span<const NewJob> jobs, std::span<const EnqueueHook> hooks);

}  // namespace sqlq::core
