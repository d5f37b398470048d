#include <algorithm>
#include <istream>
#include <string>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/transfer.hpp>

#include "core/checks.hpp"
#include "core/filter.hpp"
#include "transfer/line_reader.hpp"
#include "transfer/line_writer.hpp"
#include "transfer/steps.hpp"
#include "transfer/target.hpp"

namespace sqlq {

namespace {

using backend::StoredJob;

/// One stream on its way into a database.
class Import {
 public:
  Import(std::istream& from, const Database& to, const TransferOptions& options)
      : lines_(from), limits_(to.limits()), options_(options), target_(to, report_), steps_(options, report_) {
    core::check_filter(options.filter);
  }

  TransferReport run() {
    if (!steps_.may_begin()) return report_;
    std::string text;
    while (!ended_) {
      if (!next(text)) return report_;  // stopped
    }
    steps_.end();
    return report_;
  }

 private:
  static constexpr std::size_t jobs_at_once = 500;
  static constexpr std::size_t bytes_at_once = std::size_t{8} << 20;

  /// Deals with one line. False: the caller wants no more.
  bool next(std::string& text) {
    try {
      if (!lines_.next(text)) return end_of_text();
      return deal_with(transfer::parse_line(text, limits_), text);
    } catch (const Error& e) {
      // What came before is stored, whatever is wrong with this line.
      if (e.code() != Errc::invalid_argument || storing_) throw;
      flush();
      throw Error(Errc::invalid_argument,
                  cut_ ? e.what() : "line " + std::to_string(lines_.number()) + " of the stream: " + e.what());
    }
  }

  bool end_of_text() {
    cut_ = true;
    if (lines_.number() == 0) throw Error(Errc::invalid_argument, "the stream is empty");
    throw Error(Errc::invalid_argument,
                "the stream was cut off after line " + std::to_string(lines_.number()) +
                    ": its last line (\"end\") is missing. What is in it was stored; import the whole stream again");
  }

  static void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

  bool deal_with(transfer::Line line, const std::string& text) {
    const bool first = lines_.number() == 1;
    if (first != std::holds_alternative<transfer::Version>(line)) {
      refuse(first ? "it is none of this library's: the first line must be {\"sqlq\":1}" : "sqlq is in the first line only");
    }
    if (const auto* version = std::get_if<transfer::Version>(&line)) return check(*version), true;
    if (const auto* end = std::get_if<transfer::End>(&line)) return finish(*end);
    if (const auto* queue = std::get_if<Queue>(&line)) return take(*queue);
    return take(std::move(std::get<StoredJob>(line)), text);
  }

  static void check(const transfer::Version& version) {
    if (version.number == transfer::stream_version) return;
    refuse("sqlq is not " + std::to_string(transfer::stream_version) +
           ", the version of streams that this library reads: use the library that wrote it, or a newer one");
  }

  bool take(const Queue& queue) {
    if (last_) refuse("queue comes after a job: queues come first");
    ++queues_;
    const std::vector<std::string>& wanted = options_.filter.queues;
    const bool meant = wanted.empty() || std::ranges::find(wanted, queue.name) != wanted.end();
    if (!options_.queues || !meant) return true;
    storing_ = true;
    target_.store(queue);
    storing_ = false;
    return true;
  }

  bool take(StoredJob stored, const std::string& text) {
    if (last_ && stored.job.id <= *last_) refuse("job.id must be greater than that of the job before");
    last_ = stored.job.id;
    ++jobs_;
    const std::uint64_t hash = transfer::hash_of(text);
    whole_.add(hash);
    if (options_.after && stored.job.id <= *options_.after) return true;
    ++lines_since_;
    if (core::matches(options_.filter, stored.job, stored.history)) {
      waiting_.push_back(std::move(stored));
      hashes_.push_back(hash);
      bytes_ += text.size();
    }
    if (lines_since_ < jobs_at_once && bytes_ < bytes_at_once) return true;
    flush();
    return steps_.go_on(*last_);
  }

  void flush() {
    storing_ = true;
    target_.store(waiting_);
    storing_ = false;
    for (const std::uint64_t hash : hashes_) steps_.sum.add(hash);
    report_.jobs += waiting_.size();
    waiting_.clear();
    hashes_.clear();
    bytes_ = 0;
    lines_since_ = 0;
  }

  bool finish(const transfer::End& end) {
    flush();
      if (last_) static_cast<void>(steps_.go_on(std::max(*last_, options_.after.value_or(JobId{}))));  // nothing is left
    if (end.jobs != jobs_) refuse("end.jobs is not the number of jobs before it: lines are missing, or were added");
    if (end.queues != queues_) refuse("end.queues is not the number of queues before it: lines are missing, or were added");
    if (end.checksum != whole_.text()) refuse("end.checksum is not that of the jobs before it: a line was changed");
    std::string more;
    if (lines_.next(more)) refuse("there is more after the last line (\"end\")");
    ended_ = true;
    return true;
  }

  transfer::LineReader lines_;
  const PayloadLimits limits_;
  const TransferOptions& options_;
  TransferReport report_{};
  transfer::Target target_;
  transfer::Steps steps_;
  std::vector<StoredJob> waiting_{};      // to be stored
  std::vector<std::uint64_t> hashes_{};   // of their lines
  std::size_t bytes_ = 0;
  std::size_t lines_since_ = 0;           // of jobs, also of those that do not fit the filter
  std::optional<JobId> last_{};
  std::int64_t queues_ = 0;
  std::int64_t jobs_ = 0;
  transfer::Checksum whole_{};            // of all jobs in the stream
  bool storing_ = false;                  // what is wrong is wrong with the target
  bool cut_ = false;
  bool ended_ = false;
};

}  // namespace

TransferReport import_jobs(std::istream& from, const Database& to, const TransferOptions& options) {
  return Import(from, to, options).run();
}

}  // namespace sqlq
