#pragma once
/// \file
/// The table of handlers: which code runs which kind of job.

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sqlq/args.hpp>
#include <sqlq/context.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/retry.hpp>

namespace sqlq {

/// Callable as a handler of A: (args, context) or (args), returning Outcome or nothing. It must be callable while
/// const, because it is called from many threads at once: a lambda that mutates its captures does not compile.
template <class F, class A>
concept Handler = JobArgs<A> && (std::is_invocable_r_v<Outcome, const F&, const A&, JobContext&> ||
                                 std::is_same_v<std::invoke_result_t<const F&, const A&, JobContext&>, void> ||
                                 std::is_invocable_v<const F&, const A&>);

/// Options of one kind.
struct HandlerOptions {
  RetryPolicy retry{};  ///< delay after a failed attempt
  Duration timeout{0};  ///< for jobs enqueued without one; zero: none
};

/// Maps kinds to handlers. A shared handle: copies are the same table. A worker freezes it when it starts.
///
/// Thread-safety: register from one thread, before a worker starts. Errors: invalid_argument for a bad kind, misuse
/// for a kind registered twice and for registering after a worker started.
class Handlers {
 public:
  /// The untyped form: `context.job().params` has the JSON text.
  using Function = std::function<Outcome(JobContext&)>;
  /// One row of the table.
  struct Entry {
    Function run;
    HandlerOptions options;
  };

  Handlers();

  /// handlers.on<SendEmail>([](const SendEmail& m, sqlq::JobContext& job) { ... });
  template <JobArgs A, class F>
    requires Handler<F, A>
  Handlers& on(F handler, HandlerOptions options = {}) {
    return on(std::string(std::string_view(A::kind)), Function(Typed<A, F>{std::move(handler)}), std::move(options));
  }
  Handlers& on(std::string kind, Function handler, HandlerOptions options = {});

  /// The entry of a kind, or null. Pointers stay valid as long as any copy of the table lives.
  [[nodiscard]] const Entry* find(std::string_view kind) const noexcept;
  /// All registered kinds, sorted.
  [[nodiscard]] std::vector<std::string> kinds() const;
  /// Refuses further registrations; the worker calls it.
  void freeze() const noexcept;

 private:
  template <class A, class F>
  struct Typed {
    F handler;
    Outcome operator()(JobContext& context) const {
      const A args = codec<A>::decode(context.job().params);
      if constexpr (std::is_invocable_v<const F&, const A&, JobContext&>) {
        return finish([&] { return std::as_const(handler)(args, context); });
      } else {
        return finish([&] { return std::as_const(handler)(args); });
      }
    }
    template <class Call>
    static Outcome finish(Call call) {
      if constexpr (std::is_void_v<decltype(call())>) {
        call();
        return Outcome::done();
      } else {
        return call();
      }
    }
  };
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sqlq
