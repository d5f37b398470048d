#pragma once
/// \file
/// How a batch handler is called, and the compiler's messages about one that cannot be. `Handlers` includes it; users
/// call nothing here.

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/batch.hpp>
#include <sqlq/outcome.hpp>

namespace sqlq::detail {

/// One for each job in the batch; empty: all have succeeded.
using BatchOutcomes = std::optional<std::vector<Outcome>>;

/// Whether F can be called with these arguments.
template <class F, class... Args>
concept CallsBatch = std::is_invocable_v<F&, Args...>;

/// Whether F's answer to these arguments is a list of outcomes or nothing.
template <class F, class... Args>
concept AnswersBatch = CallsBatch<F, Args...> && (std::is_void_v<std::invoke_result_t<F&, Args...>> ||
                                                  std::is_convertible_v<std::invoke_result_t<F&, Args...>,
                                                                        std::vector<Outcome>>);

/// Whether F takes any of the argument lists that a batch handler of A may have.
template <class F, class A>
concept TakesBatch = CallsBatch<F, std::span<const A>, BatchContext&> || CallsBatch<F, std::span<const A>>;

/// The same, answering as it must.
template <class F, class A>
concept HandlesBatch =
    TakesBatch<F, A> &&
    (!CallsBatch<F, std::span<const A>, BatchContext&> || AnswersBatch<F, std::span<const A>, BatchContext&>) &&
    (CallsBatch<F, std::span<const A>, BatchContext&> || AnswersBatch<F, std::span<const A>>);

/// Asserts that F can handle batches of A; the messages say in words why it cannot.
template <class F, class A>
consteval bool check_batch_handler() {
  constexpr bool fits = TakesBatch<const F, A>;
  constexpr bool changes_captures = !fits && TakesBatch<F, A>;
  static_assert(!changes_captures, "sqlq: this batch handler is `mutable`, but it runs on many threads at once: make "
                                   "it callable while const, and guard what it shares with a mutex or an atomic");
  static_assert(fits || changes_captures, "sqlq: a batch handler takes (std::span<const Job>, sqlq::BatchContext&) or "
                                          "(std::span<const Job>), where Job is the type in batch<Job>(...)");
  static_assert(!fits || HandlesBatch<const F, A>, "sqlq: a batch handler returns nothing or a "
                                                   "std::vector<sqlq::Outcome>, one for each job in their order");
  return HandlesBatch<const F, A>;
}

/// The same for the untyped form.
template <class F>
consteval bool check_untyped_batch_handler() {
  constexpr bool fits = CallsBatch<const F, BatchContext&>;
  static_assert(fits || !CallsBatch<F, BatchContext&>,
                "sqlq: this batch handler is `mutable`, but it runs on many threads at once: make it callable while "
                "const, and guard what it shares");
  static_assert(fits || CallsBatch<F, BatchContext&>, "sqlq: an untyped batch handler takes (sqlq::BatchContext&); for "
                                                      "(std::span<const Job>, sqlq::BatchContext&) call "
                                                      "batch<Job>(options, handler)");
  static_assert(!fits || AnswersBatch<const F, BatchContext&>,
                "sqlq: a batch handler returns nothing or a std::vector<sqlq::Outcome>, one for each job in their "
                "order");
  return AnswersBatch<const F, BatchContext&>;
}

/// A call that says how the jobs ended, whatever the handler returns.
template <class F, class... Args>
BatchOutcomes batch_outcomes_of(const F& handler, Args&&... args) {
  if constexpr (std::is_void_v<std::invoke_result_t<const F&, Args...>>) {
    std::invoke(handler, std::forward<Args>(args)...);
    return std::nullopt;
  } else {
    return std::invoke(handler, std::forward<Args>(args)...);
  }
}

/// Reads the jobs, leaves out those that cannot be read, and calls the handler with the rest, if there is any.
template <class A, class F>
BatchOutcomes call_typed_batch(const F& handler, BatchContext& batch) {
  std::vector<A> args;
  args.reserve(batch.size());
  while (args.size() < batch.size()) {
    try {
      args.push_back(read_stored<A>(batch.job(args.size()).params, "the job's params"));
    } catch (...) {
      leave_out(batch, args.size());
    }
  }
  if (args.empty()) return std::nullopt;
  const std::span<const A> all(args);
  if constexpr (CallsBatch<const F, std::span<const A>, BatchContext&>) {
    return batch_outcomes_of(handler, all, batch);
  } else {
    return batch_outcomes_of(handler, all);
  }
}

}  // namespace sqlq::detail
