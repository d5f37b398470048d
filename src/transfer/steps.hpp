#pragma once
/// \file
/// Whether a transfer goes on.

#include <optional>
#include <string>

#include <sqlq/transfer.hpp>

#include "transfer/checksum.hpp"

namespace sqlq::transfer {

/// Asks the caller after each part. One thread at a time. What it is given must outlive it.
class Steps {
 public:
  Steps(const TransferOptions& options, TransferReport& report)
      : options_(options), report_(report), settled_(options.after.value_or(JobId{})) {}

  /// Of the jobs so far; in the report from the next look on.
  Checksum sum{};

  /// All jobs up to it were dealt with. False: stop here.
  bool go_on(JobId settled) {
    settled_ = settled;
    report_.next = settled_;
    report_.checksum = sum.text();
    if (options_.stop.stop_requested()) return false;
    return !options_.on_progress || options_.on_progress(report_);
  }
  /// Before anything is done.
  [[nodiscard]] bool may_begin() {
    report_.next = settled_;
    report_.checksum = sum.text();
    return !options_.stop.stop_requested();
  }
  /// All is done.
  void end() { report_.next.reset(); }

 private:
  const TransferOptions& options_;
  TransferReport& report_;
  JobId settled_;
};

}  // namespace sqlq::transfer
