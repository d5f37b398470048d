#pragma once
/// \file
/// Group commit without a thread of its own: calls that come while others are carried out share one write.
///
/// A call that comes while there is a place to lead leads at once, on its own thread: a lone caller waits for nobody.
/// The others wait in line; whoever leads next takes all that has gathered and writes it at once. When that is refused,
/// it is written by halves, so that only the guilty call fails.

#include <cstddef>
#include <exception>
#include <limits>

#include <sqlq/export.hpp>

#include "core/isolate.hpp"
#include "core/mutex.hpp"

namespace sqlq::core {

/// Base of those that batch calls; they say how to write. Thread-safe. Never allocates: a call lives on its caller's
/// stack, and where there is no memory everybody still hears of it.
///
/// A call waits without a deadline of its own: for as long as the writes before it take, which must be bounded.
class SQLQ_API Batcher {
 protected:
  class Line;

  class Call {
   public:
    Call() = default;
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;
    [[nodiscard]] Call* next() const noexcept { return next_; }

   protected:
    ~Call() = default;

   private:
    friend class Batcher;
    friend class Line;
    enum class Turn { waiting, leading, over };
    std::size_t weight_ = 1;
    Turn turn_ = Turn::waiting;  // see turn_of
    std::exception_ptr error_{};
    Condition told_{};
    Call* next_ = nullptr;  // in its line
  };

  /// Calls in the order they came.
  class Line {
   public:
    [[nodiscard]] Call* first() const noexcept { return first_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    void push(Call& call) noexcept;
    Call& pop() noexcept;
    /// Takes the first `n` out.
    [[nodiscard]] Line take(std::size_t n) noexcept;
    /// These come first again. Leaves `before` empty.
    void put_back(Line& before) noexcept;

   private:
    Call* first_ = nullptr;
    Call* last_ = nullptr;
    std::size_t size_ = 0;
  };

  /// The weight of a call that shares its write with nobody.
  static constexpr std::size_t alone = std::numeric_limits<std::size_t>::max();

  /// `most_leading`: how many writes may be under way at once.
  explicit Batcher(std::size_t most_leading) noexcept : most_leading_(most_leading) {}
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;
  ~Batcher() = default;

  /// Returns when the call was written, possibly by another thread together with others; throws what its own write
  /// threw. Should the thread that leads be ended (forced unwind), the calls it has not told come first again; one that
  /// waits is not ended before it is told. Returns false, and does nothing, when it may not wait and somebody leads.
  bool run(Call& call, std::size_t weight = 1, bool may_wait = true) SQLQ_EXCLUDES(mutex_);
  /// How many calls wait in line.
  [[nodiscard]] std::size_t waiting() const SQLQ_EXCLUDES(mutex_);
  /// Tells the callers that their calls are over, and empties the line. Each gets an error for itself, unless it is no
  /// Error and of several calls (made_anew.hpp).
  void tell(Line& calls, std::exception_ptr error) noexcept SQLQ_EXCLUDES(mutex_);

  /// The role of the thread that leads. Where only one leads at a time, it guards the data that writes use.
  Role leading_role_;

 private:
  /// On the thread of `first`, before the calls are gathered: the place to wait for what the write needs, for whoever
  /// comes meanwhile is taken along. Returns how much weight to gather; `first` is always taken. `waiting`: how many
  /// calls wait already, without it. Throws nothing but a forced unwind.
  virtual std::size_t prepare(const Call& first, std::size_t waiting) SQLQ_REQUIRES(leading_role_) = 0;
  /// Writes all of them, or none and throws. One call or several: all that were gathered, or a part of them.
  virtual void write(Line& calls) SQLQ_REQUIRES(leading_role_) = 0;
  /// Whether this error of several calls may be the fault of one, so that the others can be written without it.
  [[nodiscard]] virtual bool may_be_of_one(const std::exception_ptr& error) noexcept SQLQ_REQUIRES(leading_role_) {
    return core::may_be_of_one(error);
  }
  /// All of the gathering were told; the next one to lead waits for this.
  virtual void finish() noexcept SQLQ_REQUIRES(leading_role_) {}

  void lead(Call& mine, std::size_t waiting) SQLQ_EXCLUDES(mutex_);
  [[nodiscard]] Line gather(Call& mine, std::size_t weight) noexcept SQLQ_EXCLUDES(mutex_);
  void end(Line& left, const Call& mine) noexcept SQLQ_EXCLUDES(mutex_);
  [[nodiscard]] Call::Turn& turn_of(Call& call) noexcept SQLQ_REQUIRES(mutex_) { return call.turn_; }

  const std::size_t most_leading_;
  mutable Mutex mutex_;
  std::size_t leading_ SQLQ_GUARDED_BY(mutex_) = 0;
  Line line_ SQLQ_GUARDED_BY(mutex_);  // empty unless most_leading_ lead
};

}  // namespace sqlq::core
