#pragma once
/// \file
/// Which calls may wait in the database for a lock that a stranger holds, and how many at once.

#include <cstddef>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include <sqlq/clock.hpp>

#include "core/mutex.hpp"

namespace sqlq::sql {

/// An enqueue whose unique key somebody else is storing waits until that transaction ends, on a connection of the pool.
/// This gate sees to it that the others do not wait with it: of the calls of this process for one key only one is in
/// the database, and all calls inside take `most` connections at most, so that some of the pool are left.
///
/// Thread-safe.
class KeyGate {
 public:
  using Keys = std::set<std::string>;

  /// `wait`: how long a call waits in front of the gate, then Error(busy).
  KeyGate(std::size_t most, Duration wait, std::shared_ptr<Clock> clock = system_clock())
      : most_(most), wait_(wait), clock_(std::move(clock)) {}

  /// Inside from its construction to its destruction.
  class Pass {
   public:
    Pass(KeyGate& gate, Keys keys) : gate_(gate), keys_(std::move(keys)) { gate_.enter(*this); }
    ~Pass() { gate_.leave(*this); }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;

   private:
    friend class KeyGate;
    KeyGate& gate_;
    const Keys keys_;
    std::list<Pass*> node_{this};  // only moves from list to list: nothing is allocated while others wait
    std::unique_ptr<Signal> signal_{};
    bool inside_ = false;  // guarded by the gate's mutex
  };

  /// How many calls wait in front of the gate.
  [[nodiscard]] std::size_t waiting();

 private:
  void enter(Pass& pass);
  void leave(Pass& pass) noexcept;
  [[nodiscard]] bool room_for(const Keys& keys) const noexcept SQLQ_REQUIRES(mutex_);

  const std::size_t most_;
  const Duration wait_;
  const std::shared_ptr<Clock> clock_;
  core::Mutex mutex_;
  std::list<Pass*> inside_ SQLQ_GUARDED_BY(mutex_);
  std::list<Pass*> waiting_ SQLQ_GUARDED_BY(mutex_);
};

}  // namespace sqlq::sql
