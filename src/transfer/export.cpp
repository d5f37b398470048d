#include <ostream>
#include <string>

#include <sqlq/error.hpp>
#include <sqlq/transfer.hpp>

#include "core/text.hpp"
#include "transfer/line_writer.hpp"
#include "transfer/source.hpp"
#include "transfer/steps.hpp"
#include "transfer/target.hpp"

namespace sqlq {

namespace {

void write_line(std::ostream& to, const std::string& line) {
  to << line << '\n';
  if (!to) throw Error(Errc::internal, "the stream that is written to has failed: is there room for it?");
}

/// Why a job has no line; empty: it has one.
std::string unfit(const std::string& line) {
  if (line.size() > transfer::longest_line) {
    return "its line would have more than the " + std::to_string(transfer::longest_line >> 20) +
           " MiB that a line may have: copy it from database to database";
  }
  if (core::find_invalid_utf8(line) != std::string_view::npos) {
    return "a text of it is not valid UTF-8: its row was changed by hand";
  }
  return {};
}

}  // namespace

TransferReport export_jobs(const Database& from, std::ostream& to, const TransferOptions& options) {
  TransferReport report;
  transfer::Source source(from, options.filter, options.after);
  transfer::Steps steps(options, report);
  bool go_on = steps.may_begin();
  write_line(to, transfer::first_line());
  if (options.queues) {
    transfer::each_queue(from, options.filter, [&](const Queue& queue) {
      write_line(to, transfer::line_of(queue));
      ++report.queues;
    });
  }
  while (go_on && source.next()) {
    for (const backend::StoredJob& stored : source.jobs()) {
      const std::string line = transfer::line_of(stored);
      if (std::string why = unfit(line); !why.empty()) {
        ++report.refused;
        transfer::add_problem(report, stored.job.id, std::move(why));
        continue;
      }
      write_line(to, line);
      steps.sum.add(line);
      ++report.jobs;
    }
    report.held += source.held();
    go_on = steps.go_on(source.last());
  }
  write_line(to, transfer::last_line(report.queues, report.jobs, steps.sum.text()));
  to.flush();
  if (!to) throw Error(Errc::internal, "the stream that is written to has failed: is there room for it?");
  if (go_on) steps.end();
  return report;
}

}  // namespace sqlq
