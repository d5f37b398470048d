#pragma once
/// \file
/// The context of a trace (W3C Trace Context), carried by a job from who enqueues it to the handler, in its headers
/// `traceparent` and `tracestate`. For any tracer: the library knows none.
///
///     sqlq::Client client{db, {.hooks = {sqlq::send_trace(current_of_my_tracer)}}};
///
///     handlers.around([](sqlq::JobContext& job, sqlq::Next& next) {
///       const auto from = sqlq::trace_of(job.job());       // empty: the job has none
///       const Span span = start_span("process " + job.job().kind, from);   // a child of it, or linked to it
///       return next();
///     });
///
/// Jobs that a handler enqueues carry a trace when WorkerOptions::client has the hook. Without a tracer,
/// `handlers.around(sqlq::keep_trace)` and `.client = {.hooks = {sqlq::send_trace()}}` pass on the job's own.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <sqlq/enqueue.hpp>
#include <sqlq/export.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/job.hpp>

namespace sqlq {

/// A place in a trace, as its headers say it.
struct TraceContext {
  std::string traceparent{};  ///< "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"; empty: there is none
  std::string tracestate{};   ///< what tracers add for themselves; may be empty
};

/// Whether the text is a traceparent: version, trace id, parent id and flags in lower-case hexadecimal digits,
/// 00-32-16-2; ids that are not all zero; no version ff. Text after a version above 00 may go on after another "-".
[[nodiscard]] SQLQ_API bool is_traceparent(std::string_view text) noexcept;

/// A hook that puts what `current` says into the headers of each job. A job that has a header `traceparent` keeps what
/// it has. A malformed traceparent is left out, so that no job is refused for its trace; so is a tracestate that has
/// more than 512 bytes or others than printable ASCII. Empty: current_trace.
///
/// `current` is called by the thread that enqueues; what it throws comes out of the enqueue. Error(configuration) where
/// the backend stores no headers, as for every header.
[[nodiscard]] SQLQ_API EnqueueHook send_trace(std::function<TraceContext()> current = {});

/// The trace that a job came with.
struct JobTrace : TraceContext {
  /// Whether the execution belongs into that trace as a child of who enqueued it: the first execution of a job that was
  /// due at once. A retry, or a job that was to run later, or a tick of a schedule, happens when that trace may be over
  /// for long: begin a trace of your own, and link it to this one.
  bool child = false;
};
/// Empty: it came with none, or with a malformed one.
[[nodiscard]] SQLQ_API std::optional<JobTrace> trace_of(const Job& job);

/// A hook around work: while the handler runs, its job's trace is current_trace() on its thread.
///
///     handlers.around(sqlq::keep_trace);
SQLQ_API Outcome keep_trace(JobContext& context, Next& next);
/// Empty outside of such a handler, on other threads, and where the job came with no trace.
[[nodiscard]] SQLQ_API TraceContext current_trace();

}  // namespace sqlq
