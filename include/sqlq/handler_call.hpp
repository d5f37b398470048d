#pragma once
/// \file
/// How a handler is called, and the compiler's messages about one that cannot be. `Handlers` includes it; users call
/// nothing here.

#include <functional>
#include <type_traits>
#include <utility>

#include <sqlq/args.hpp>
#include <sqlq/context.hpp>
#include <sqlq/outcome.hpp>

namespace sqlq::detail {

/// Whether F can be called with these arguments.
template <class F, class... Args>
concept Calls = std::is_invocable_v<F&, Args...>;

/// Whether F's answer to these arguments is an outcome or nothing.
template <class F, class... Args>
concept Answers = Calls<F, Args...> && (std::is_void_v<std::invoke_result_t<F&, Args...>> ||
                                        std::is_convertible_v<std::invoke_result_t<F&, Args...>, Outcome>);

/// Whether F takes any of the argument lists that a handler of A may have.
template <class F, class A>
concept Takes = Calls<F, A, JobContext&> || Calls<F, A> || Calls<F, JobContext&> || Calls<F>;

/// The same, answering an outcome or nothing.
template <class F, class A>
concept Handles = Takes<F, A> && (!Calls<F, A, JobContext&> || Answers<F, A, JobContext&>) &&
                  (Calls<F, A, JobContext&> || !Calls<F, A> || Answers<F, A>) &&
                  (Calls<F, A, JobContext&> || Calls<F, A> || !Calls<F, JobContext&> || Answers<F, JobContext&>) &&
                  (Calls<F, A, JobContext&> || Calls<F, A> || Calls<F, JobContext&> || Answers<F>);

/// Asserts that F can handle A; the messages say in words why it cannot.
template <class F, class A>
consteval bool check_handler() {
  constexpr bool fits = Takes<const F, const A&>;
  constexpr bool reversed = !fits && Calls<F, JobContext&, const A&>;
  constexpr bool changes_captures = !fits && !reversed && Takes<F, const A&>;
  constexpr bool changes_args = !fits && !reversed && !changes_captures && Takes<F, A&>;
  static_assert(!reversed, "sqlq: a handler takes the job first and then the context: "
                           "[](const Job& job, sqlq::JobContext& context) { ... }");
  static_assert(!changes_captures, "sqlq: this handler is `mutable`, but it runs on many threads at once: make it "
                                   "callable while const, and guard what it shares with a mutex or an atomic");
  static_assert(!changes_args, "sqlq: a handler takes the job by value or by const reference, not by a reference that "
                               "could change it");
  static_assert(fits || reversed || changes_captures || changes_args,
                "sqlq: a handler takes (const Job&, sqlq::JobContext&), (const Job&), (sqlq::JobContext&) or nothing, "
                "where Job is the type in on<Job>(...)");
  static_assert(!fits || Handles<const F, const A&>, "sqlq: a handler returns nothing or a sqlq::Outcome");
  return Handles<const F, const A&>;
}

/// The same for the untyped form.
template <class F>
consteval bool check_untyped_handler() {
  constexpr bool fits = Calls<const F, JobContext&>;
  static_assert(fits || !Calls<F, JobContext&>, "sqlq: this handler is `mutable`, but it runs on many threads at once: "
                                                "make it callable while const, and guard what it shares");
  static_assert(fits || Calls<F, JobContext&>, "sqlq: an untyped handler takes (sqlq::JobContext&); for "
                                               "(const Job&, sqlq::JobContext&) call on<Job>(handler)");
  static_assert(!fits || Answers<const F, JobContext&>, "sqlq: a handler returns nothing or a sqlq::Outcome");
  return Answers<const F, JobContext&>;
}

/// A call that returns an outcome whatever the handler returns.
template <class F, class... Args>
Outcome outcome_of(const F& handler, Args&&... args) {
  if constexpr (std::is_void_v<std::invoke_result_t<const F&, Args...>>) {
    std::invoke(handler, std::forward<Args>(args)...);
    return Outcome::done();
  } else {
    return std::invoke(handler, std::forward<Args>(args)...);
  }
}

/// Reads the job and calls the handler with as much as it takes.
template <class A, class F>
Outcome call_typed(const F& handler, JobContext& context) {
  if constexpr (Calls<const F, const A&, JobContext&>) {
    const A args = read_stored<A>(context.job().params, "the job's params");
    return outcome_of(handler, args, context);
  } else if constexpr (Calls<const F, const A&>) {
    const A args = read_stored<A>(context.job().params, "the job's params");
    return outcome_of(handler, args);
  } else if constexpr (Calls<const F, JobContext&>) {
    return outcome_of(handler, context);
  } else {
    return outcome_of(handler);
  }
}

/// A function object or pointer that may be empty, and is.
template <class F>
[[nodiscard]] bool is_empty(const F&) noexcept {
  return false;
}
template <class S>
[[nodiscard]] bool is_empty(const std::function<S>& function) noexcept {
  return !function;
}
template <class Result, class... Args>
[[nodiscard]] bool is_empty(Result (*const& function)(Args...)) noexcept {
  return function == nullptr;
}

}  // namespace sqlq::detail
