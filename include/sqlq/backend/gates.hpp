#pragma once
/// \file
/// The optional part of a backend that limits jobs by key (extensions.hpp says how a class has a part).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/admin.hpp>
#include <sqlq/backend/requests.hpp>
#include <sqlq/export.hpp>
#include <sqlq/job.hpp>

namespace sqlq::backend {

/// A key of a queue, by name.
struct GateName {
  std::string queue{};  ///< 1 to 255 bytes
  std::string key{};    ///< 1 to 255 bytes; for settings also empty: all keys of the queue
  friend auto operator<=>(const GateName&, const GateName&) = default;
};

/// What a look at gates has done.
struct GatesLooked {
  std::size_t let_in = 0;           ///< jobs that are pending now
  bool more = false;                ///< there is more to look at now, or somebody was looking at a gate that was named
  std::optional<TimePoint> next{};  ///< when there will be; empty: nothing is known that will
  TimePoint now{};                  ///< by the clock that decides
};

/// A key, its settings and its jobs.
struct GateRow {
  std::string key{};                   ///< its name
  std::string settings{};              ///< JSON text (core/gate.hpp); empty: none of its own
  CappedCount inside{};                ///< let in and not ended
  CappedCount waiting{};               ///< in state waiting
  std::vector<JobId> jobs{};           ///< at most 10 of those inside
  std::optional<TimePoint> next_start{};  ///< of the rate: when the starts that are counted allow one more, burst aside
  std::optional<TimePoint> shut_until{};  ///< none is let in before
  bool held = false;                   ///< none is let in until it is opened
};

/// Limits by key (limits.hpp). A job with a key has a row beside it from when it is stored until it has ended and its
/// gate was looked at. Where an operation (finish, reap, act, requeue, take_back_crashes, store_jobs, wake) puts a job
/// back to pending or scheduled, one with a key goes to waiting instead, due when it would have been; the answers stay
/// the same. So does a pending one that `edit` moves to another queue. A job in waiting is cancelled, edited, listed,
/// counted and kept by its unique key like a scheduled one.
///
/// Jobs are let in only here, with their gate locked: two callers never let the same room be used twice, on whatever
/// connection, process or node of a cluster. Which ones is decided by core/gate.hpp. None of it is on the way of a
/// plain job.
class SQLQ_TYPE Gates {
 public:
  virtual ~Gates() = default;

  /// Looks at the gates named, at those for which a job has come that is due, and at those that are to be looked at by
  /// now: at most `limit` (1 to 1,000) of each. waiting -> pending for those that are let in. A gate that somebody is
  /// looking at is passed over, and a job whose row is locked too; the others are let in. Waits for nobody. Watchers
  /// of wake-ups are told when a job was let in. Replay: looks again.
  virtual GatesLooked gates_look(std::span<const GateName> named, std::size_t limit, Now now) = 0;
  /// Gives a gate settings of its own (`settings` empty: takes them away), or all keys of the queue. The queue is made
  /// with default settings if there is none. Binding for every look that starts after this returned; the gates that it
  /// is about are looked at soon. Replay: the same once more.
  virtual void gate_set(const GateName& gate, std::string_view settings, Now now) = 0;
  /// Nobody is let in before now + `pause`, nor earlier than was said before; the longest Duration: until it is opened.
  /// Zero or less: opens it, whatever was said before. Replay: the same once more.
  virtual void gate_shut(const GateName& gate, Duration pause, Now now) = 0;
  /// The settings of all keys of a queue; empty: none, or no such queue.
  [[nodiscard]] virtual std::string gate_settings(std::string_view queue) = 0;
  /// Keys of a queue that have jobs, settings or a state, in order of key (bytes), strictly above `after`; at most
  /// `limit` (1 to 1,000), each counted up to `cap`.
  [[nodiscard]] virtual std::vector<GateRow> gate_list(std::string_view queue, std::string_view after,
                                                       std::size_t limit, std::uint64_t cap) = 0;
  /// One of them; empty when it has nothing of the kind.
  [[nodiscard]] virtual std::optional<GateRow> gate_get(const GateName& gate, std::uint64_t cap) = 0;
  /// How many jobs of its key are in line before this one, which is in state waiting; counted up to `cap`. 0 for
  /// others.
  [[nodiscard]] virtual CappedCount gate_before(JobId id, std::uint64_t cap) = 0;
};

}  // namespace sqlq::backend
