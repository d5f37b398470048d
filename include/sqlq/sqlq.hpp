#pragma once
/// \file
/// sqlq: persistent background jobs in your own SQL database. This header is the umbrella and the tutorial.
///
/// **A job is a struct with a kind.** The kind is stored in the row; parameters are stored as JSON.
///
///     struct SendEmail {
///       static constexpr std::string_view kind = "send-email";
///       std::string to, subject;
///       NLOHMANN_DEFINE_TYPE_INTRUSIVE_WITH_DEFAULT(SendEmail, to, subject)
///     };
///
/// **Open a database** by its connection string and bring its tables up to date. The string alone decides which
/// database it is; nothing below changes with it.                                   database.hpp, migrator.hpp
///
///     auto db = sqlq::open(url);
///     db.migrate();
///
/// **Enqueue.** When the call returns, the job survives any crash. Inside your own transaction (`sqlq::borrow`) the job
/// exists if and only if that commits.                                              client.hpp, enqueue.hpp, tx.hpp
///
///     sqlq::Client client{db};
///     client.enqueue(SendEmail{"ada@example.org", "hello"}, {.queue = "mail", .priority = 1});
///     client.enqueue(sqlq::borrow(session), SendEmail{"bob@example.org", "welcome"});
///
/// **Handle.** A handler runs at least once. Returning is success; throwing is a retry with back-off; `discard` is an
/// end without retry. The context has the stop token, the log and the result.
///                                                                          handlers.hpp, context.hpp, outcome.hpp
///
///     sqlq::Handlers handlers;
///     handlers.on<SendEmail>([](const SendEmail& mail, sqlq::JobContext& job) {
///       job.log().info("sending");
///       deliver(mail, job.stop_token());
///     });
///
/// **Many jobs in one call** where that costs nearly the same as one: a batch handler. Each job keeps an outcome and a
/// history of its own.                                                              batch.hpp
///
///     handlers.batch<Row>({.size = 100, .linger = 50ms}, [](std::span<const Row> rows) { insert(rows); });
///
/// **Work** until a signal comes. Leases, heartbeats, retries, rescue of jobs whose worker died, deletion of old jobs:
/// all of it is the worker's business.                                              worker.hpp, signals.hpp
///
///     sqlq::Worker worker{db, handlers, {.queues = {"mail"}, .concurrency = 8}};
///     worker.run(sqlq::SignalStop{SIGINT, SIGTERM}.token());
///
/// **Periodic jobs**: schedules with cron rules and time zones, fired once by whichever worker is there.   schedule.hpp
///
/// **Workflows**: steps whose results outlive a crash, sleeps and waits of weeks without a slot, signals, children.
///                                                                                                         steps.hpp
///
/// **Look and steer**: queues, limits, pause, lists, histories, logs; why a job does not run; what is doubtful about an
/// installation; many jobs at once; jobs on their way to another database. The program `sqlq` does the same in a shell.
///                                                    admin.hpp, explain.hpp, finding.hpp, bulk.hpp, transfer.hpp
///
/// **Hooks and observers**: around enqueue and around work; events; metrics for Prometheus; traces.
///                                                                          observer.hpp, metrics.hpp, trace.hpp
///
/// **Run your own loop** instead of a worker: claim, ping, success, error, reap.    client.hpp
///
/// **Test** your handlers on a clock that stands still.                             testing/harness.hpp
///
/// Thread-safety is stated on every class; as a rule handles (Database, Client, Admin) are cheap to copy and usable
/// from every thread. All errors are `sqlq::Error`.                                 error.hpp

#include <csignal>

#include <sqlq/admin.hpp>
#include <sqlq/args.hpp>
#include <sqlq/batch.hpp>
#include <sqlq/bulk.hpp>
#include <sqlq/client.hpp>
#include <sqlq/clock.hpp>
#include <sqlq/context.hpp>
#include <sqlq/database.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>
#include <sqlq/explain.hpp>
#include <sqlq/filter.hpp>
#include <sqlq/finding.hpp>
#include <sqlq/handlers.hpp>
#include <sqlq/job.hpp>
#include <sqlq/json.hpp>
#include <sqlq/limits.hpp>
#include <sqlq/log.hpp>
#include <sqlq/metrics.hpp>
#include <sqlq/migrator.hpp>
#include <sqlq/observer.hpp>
#include <sqlq/outcome.hpp>
#include <sqlq/retry.hpp>
#include <sqlq/schedule.hpp>
#include <sqlq/signals.hpp>
#include <sqlq/steps.hpp>
#include <sqlq/trace.hpp>
#include <sqlq/transfer.hpp>
#include <sqlq/tx.hpp>
#include <sqlq/version.hpp>
#include <sqlq/worker.hpp>
