#include <sqlq/stop_token.hpp>
#include <sqlq/transfer.hpp>

#include "transfer/checksum.hpp"
#include "transfer/line_writer.hpp"
#include "transfer/source.hpp"
#include "transfer/steps.hpp"
#include "transfer/target.hpp"

namespace sqlq {

TransferReport copy_jobs(const Database& from, const Database& to, const TransferOptions& options) {
  TransferReport report;
  transfer::Source source(from, options.filter, options.after);
  transfer::Target target(to, report);
  transfer::Steps steps(options, report);
  bool go_on = steps.may_begin();
  if (go_on && options.queues) {
    transfer::each_queue(from, options.filter, [&](const Queue& queue) { target.store(queue); });
  }
  while (go_on && source.next()) {
    for (const backend::StoredJob& stored : source.jobs()) steps.sum.add(transfer::line_of(stored));
    target.store(source.jobs());
    report.jobs += source.jobs().size();
    report.held += source.held();
    go_on = steps.go_on(source.last());
  }
  if (go_on) steps.end();
  return report;
}

TransferSum sum_of_jobs(const Database& db, const JobFilter& filter, sqlq::stop_token stop) {
  TransferSum sum;
  transfer::Checksum lines;
  transfer::Source source(db, filter, std::nullopt);
  while (!stop.stop_requested() && source.next()) {
    for (const backend::StoredJob& stored : source.jobs()) lines.add(transfer::line_of(stored));
    sum.jobs += source.jobs().size();
    sum.held += source.held();
  }
  sum.checksum = lines.text();
  return sum;
}

}  // namespace sqlq
