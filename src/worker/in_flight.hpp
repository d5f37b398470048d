#pragma once
// The leases this process holds, from the claim until their outcome is durable.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sqlq/context.hpp>
#include <sqlq/job.hpp>
#include <sqlq/stop_token.hpp>

#include "core/mutex.hpp"

namespace sqlq::worker {

enum class Phase : std::uint8_t { queued, running, finishing };

/// One held lease. Thread-safety: all members from any thread, but for `lead` and `take_led`.
///
/// Its end is reckoned from the moment the claim or renewal was *sent*, so by our clock it ends before the database
/// would give the job to somebody else.
class Held final {
 public:
  /// The claim was sent at `asked_at`, and had been answered by `claimed_at`.
  Held(Job job, SteadyPoint asked_at, SteadyPoint claimed_at)
      : job_(std::move(job)), claimed_at_(claimed_at), renewed_at_(asked_at) {}

  [[nodiscard]] const Job& job() const noexcept { return job_; }
  /// At or after Job::started_at, which is by the clock of the database.
  [[nodiscard]] SteadyPoint claimed_at() const noexcept { return claimed_at_; }

  [[nodiscard]] sqlq::stop_token stop_token() const noexcept { return stop_.get_token(); }
  [[nodiscard]] StopReason stop_reason() const noexcept { return reason_.load(); }
  /// Why the token is, or is about to be, tripped; the first reason stays. True for the first: then the token is to be
  /// tripped, see Shared::trip.
  bool mark(StopReason reason) noexcept;
  /// Runs the handler's stop callbacks, and so may take any time.
  void request_stop() noexcept;
  /// The lease is gone, or soon will be: no outcome but success is worth sending. True for the first to say so.
  bool set_lost() noexcept { return !lost_.exchange(true); }
  [[nodiscard]] bool lost() const noexcept { return lost_.load(); }

  /// The database knows that its end was no crash.
  void set_outage_known() noexcept { outage_known_.store(true); }
  [[nodiscard]] bool outage_known() const noexcept { return outage_known_.load(); }

  void renewed(SteadyPoint asked_at) noexcept { renewed_at_.store(asked_at); }
  /// A third of the keepalive, but at most `longest`, after the last renewal.
  [[nodiscard]] SteadyPoint renew_at(Duration longest) const noexcept;
  /// When this process stops trusting the lease: a sixth of the keepalive before its end.
  [[nodiscard]] SteadyPoint fence_at() const noexcept;

  /// It is to be given back without being begun.
  void set_unwanted() noexcept { unwanted_.store(true); }
  [[nodiscard]] bool unwanted() const noexcept { return unwanted_.load(); }

  [[nodiscard]] Phase phase() const noexcept { return phase_.load(); }
  void start(SteadyPoint now, SteadyPoint timeout_at) noexcept;
  /// Of its handler; empty: not yet.
  [[nodiscard]] std::optional<SteadyPoint> begun_at() const noexcept;
  void finish() noexcept { phase_.store(Phase::finishing); }
  [[nodiscard]] SteadyPoint timeout_at() const noexcept { return timeout_at_.load(); }

  /// The job was completed inside the user's transaction: from its commit on the lease is over as it should be.
  void set_completing(bool on) noexcept { completing_.store(on); }
  [[nodiscard]] bool completing() const noexcept { return completing_.load(); }

  /// Its handler has written lines of the log: they are sent before its outcome.
  void set_logged() noexcept { logged_.store(true); }
  [[nodiscard]] bool logged() const noexcept { return logged_.load(); }

  /// A batch goes through the channel as its last job, which leads the others there. By whoever puts it into the
  /// channel.
  void lead(std::vector<std::shared_ptr<Held>> others) {
    led_ = std::make_unique<std::vector<std::shared_ptr<Held>>>(std::move(others));
  }
  /// By whoever took it out of the channel: the others, perhaps none. Null: it is the job of a single handler.
  [[nodiscard]] std::unique_ptr<std::vector<std::shared_ptr<Held>>> take_led() noexcept { return std::move(led_); }

 private:
  const Job job_;
  const SteadyPoint claimed_at_;
  sqlq::stop_source stop_;
  std::atomic<StopReason> reason_{StopReason::none};
  std::atomic<bool> lost_{false};
  std::atomic<bool> outage_known_{false};
  std::atomic<bool> unwanted_{false};
  std::atomic<bool> completing_{false};
  std::atomic<bool> logged_{false};
  std::unique_ptr<std::vector<std::shared_ptr<Held>>> led_{};
  std::atomic<Phase> phase_{Phase::queued};
  std::atomic<SteadyPoint> renewed_at_;
  std::atomic<SteadyPoint> timeout_at_{SteadyPoint::max()};
  std::atomic<SteadyPoint> begun_at_{SteadyPoint::min()};
};

using HeldPtr = std::shared_ptr<Held>;

/// Its job, kept by whoever has it.
[[nodiscard]] inline std::shared_ptr<const Job> job_of(const HeldPtr& lease) { return {lease, &lease->job()}; }

/// Leases that this process has lost though it lives, until the database knows that their ends were no crashes.
/// Thread-safety: all members from any thread.
class Outlived final {
 public:
  static constexpr std::size_t most = 10'000;  ///< of more the oldest are forgotten: their jobs keep their crashes

  /// One that is held no more.
  void add(const HeldPtr& lease, SteadyPoint now);
  /// Those to ask about. Some may not have ended yet, so each is asked about for some minutes after its keepalive.
  [[nodiscard]] std::vector<HeldPtr> waiting(SteadyPoint now);
  /// Whether some were added since the last call of take_news.
  [[nodiscard]] bool any_new() const noexcept { return new_; }
  bool take_news() noexcept { return new_.exchange(false); }
  /// The database knows.
  void remove(std::span<const HeldPtr> leases);

 private:
  struct Entry {
    HeldPtr lease{};
    SteadyPoint until{};
  };
  core::Mutex mutex_;
  std::deque<Entry> entries_ SQLQ_GUARDED_BY(mutex_);
  std::atomic<bool> new_{false};
};

/// Thread-safety: all members from any thread.
class InFlight final {
 public:
  void add(std::span<const HeldPtr> leases);
  void remove(std::span<const HeldPtr> leases);
  [[nodiscard]] std::size_t size() const noexcept { return size_.load(); }
  [[nodiscard]] std::size_t suspects() const noexcept { return suspects_.load(); }
  /// How many suspects have come to their ends so far that may be run beside others.
  [[nodiscard]] std::size_t suspects_ended() const noexcept { return suspects_ended_.load(); }
  [[nodiscard]] std::vector<HeldPtr> snapshot() const;

 private:
  mutable core::Mutex mutex_;
  std::unordered_map<const Held*, HeldPtr> leases_ SQLQ_GUARDED_BY(mutex_);
  std::atomic<std::size_t> size_{0};
  std::atomic<std::size_t> suspects_{0};
  std::atomic<std::size_t> suspects_ended_{0};
};

}  // namespace sqlq::worker
