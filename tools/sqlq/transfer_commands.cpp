// Jobs to a file and from a file; copy_command.cpp copies between databases.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include <fcntl.h>
#include <unistd.h>

#include "context.hpp"
#include "copy_command.hpp"
#include "pace.hpp"
#include "text.hpp"

namespace sqlq::tool {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void file_trouble(const std::string& doing, const std::string& file) {
  throw Exit(ExitCode::failed, "cannot " + doing + " " + printable(file) + ": " + std::strerror(errno));
}

/// A file that is there under its name only once it is whole. Readable by its owner only: it has payloads.
class WholeFile {
 public:
  explicit WholeFile(const std::string& file) : name_(file) {
    if (fs::exists(name_)) name_ = fs::canonical(name_).string();
    beside_ = name_ + ".partial-" + std::to_string(::getpid());
    const int made = ::open(beside_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (made < 0) file_trouble("make", beside_);
    ::close(made);
    out_.open(beside_, std::ios::binary | std::ios::trunc);
    if (!out_) file_trouble("write", beside_);
  }
  ~WholeFile() {
    if (!beside_.empty()) ::unlink(beside_.c_str());
  }
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;

  [[nodiscard]] std::ostream& out() { return out_; }
  void finish() {
    out_.close();
    if (!out_) file_trouble("write", beside_);
    const int written = ::open(beside_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool durable = written >= 0 && ::fsync(written) == 0;
    if (written >= 0) ::close(written);
    if (!durable) file_trouble("write", beside_);
    if (::rename(beside_.c_str(), name_.c_str()) != 0) file_trouble("rename to", name_);
    beside_.clear();
  }

 private:
  std::string name_;
  std::string beside_{};
  std::ofstream out_{};
};

struct FileChoice {
  TransferChoice transfer{};
  std::string file = "-";
};

const std::vector<Column>& export_columns() {
  static const auto& columns = *new std::vector<Column>{{"queues"}, {"jobs"}, {"held"}, {"checksum"}};
  return columns;
}

std::vector<Value> export_row(const TransferReport& report) {
  return {report.queues, report.jobs, report.held, report.checksum};
}

void tell_held(Context& context, const TransferReport& report) {
  if (report.held == 0) return;
  context.complain("left out, for they run: " + counted(report.held, "job") + ". A job has one owner");
}

TransferReport write_to(Context& context, const Database& db, std::ostream& to, TransferOptions how) {
  const Pace pace(how.after ? std::nullopt : quick_count(db, how.filter));
  how.stop = context.stop();
  how.on_progress = [&](const TransferReport& so_far) {
    context.progress("exporting: " + pace.line(so_far.jobs));
    return true;
  };
  TransferReport report = export_jobs(db, to, how);
  context.progress("");
  return report;
}

ExitCode export_to_output(Context& context, const TransferOptions& how) {
  if (context.stdout_is_terminal()) {
    throw Exit(ExitCode::usage, "an export is not written to a terminal: name a file, or use a pipe");
  }
  const TransferReport report = write_to(context, context.database(), context.out(), how);
  context.out().flush();
  tell_held(context, report);
  if (report.next) return tell_interruption(context, report);
  context.say(counted(report.jobs, "job") + " exported, checksum " + report.checksum);
  return ExitCode::ok;
}

ExitCode export_jobs_to(Context& context, const FileChoice& choice) {
  const TransferOptions how = choice.transfer.options(context);
  const Database& db = context.database();
  if (context.options().dry_run) {
    const auto count = quick_count(db, how.filter);
    context.record({{"would_export"}}, {count ? Value{Value::Count{*count}} : Value{}});
    return ExitCode::ok;
  }
  if (choice.file == "-") return export_to_output(context, how);
  const bool there = fs::exists(choice.file);
  if (there && !fs::is_regular_file(choice.file)) {  // a pipe or device
    std::ofstream to(choice.file, std::ios::binary);
    if (!to) file_trouble("write", choice.file);
    const TransferReport report = write_to(context, db, to, how);
    to.close();
    if (!to) file_trouble("write", choice.file);
    context.record(export_columns(), export_row(report));
    tell_held(context, report);
    return report.next ? tell_interruption(context, report) : ExitCode::ok;
  }
  if (there && !context.confirm(printable(choice.file) + " exists. Replace it?")) {
    context.say("nothing was exported");
    return ExitCode::failed;
  }
  WholeFile file(choice.file);
  const TransferReport report = write_to(context, db, file.out(), how);
  if (report.next) {
    context.complain("interrupted: nothing was written");
    return ExitCode::interrupted;
  }
  file.finish();
  context.record(export_columns(), export_row(report));
  tell_held(context, report);
  return ExitCode::ok;
}

/// What the stream says of itself, without storing it.
ExitCode count_lines(Context& context, std::istream& from) {
  std::uint64_t jobs = 0;
  std::uint64_t queues = 0;
  std::string line;
  while (std::getline(from, line) && !context.stop().stop_requested()) {
    if (line.starts_with("{\"job\":")) ++jobs;
    if (line.starts_with("{\"queue\":")) ++queues;
  }
  context.record({{"would_read_queues"}, {"would_read_jobs"}}, {queues, jobs});
  return ExitCode::ok;
}

ExitCode import_from(Context& context, const FileChoice& choice) {
  TransferOptions how = choice.transfer.options(context);
  std::ifstream file;
  if (choice.file != "-") {
    file.open(choice.file, std::ios::binary);
    if (!file) file_trouble("read", choice.file);
  }
  std::istream& from = choice.file == "-" ? context.in() : file;
  if (context.options().dry_run) return count_lines(context, from);
  const Database& db = context.database();
  make_ready(db, false, "the database");
  const Pace pace;
  how.stop = context.stop();
  how.on_progress = [&](const TransferReport& so_far) {
    context.progress("importing: " + pace.line(so_far.jobs));
    return true;
  };
  TransferReport report;
  try {
    report = import_jobs(from, db, how);
  } catch (const Error&) {
    if (!how.stop.stop_requested()) throw;
    // The end of the stream was that of standard input, which a stop ends.
    throw Exit(ExitCode::partly_done, "interrupted: what came until now is stored; import the whole stream again to go "
                                      "on (jobs that are there are skipped)");
  }
  context.progress("");
  context.record({{"queues"}, {"jobs"}, {"stored"}, {"existing"}, {"conflicts"}, {"refused"}, {"checksum"}},
                 {report.queues, report.jobs, report.stored,
                  report.existing, report.conflicts, report.refused,
                  report.checksum});
  if (report.next) return tell_interruption(context, report);
  tell_problems(context, report);
  return report.conflicts + report.refused == 0 ? ExitCode::ok : ExitCode::partly_done;
}

}  // namespace

void add_transfer_commands(CLI::App& root, Context& context) {
  add_copy_command(root, context);

  CLI::App* exporting = root.add_subcommand(
      "export", "Write jobs as JSON lines, with histories, logs, results, unique keys and queue settings");
  const auto out = std::make_shared<FileChoice>();
  exporting->add_option("file", out->file, "Where to; -: standard output (default)")->type_name("FILE");
  out->transfer.add_to(*exporting);
  exporting->footer("Example:\n  sqlq export --state errored failed.jsonl\n\n"
                    "The file gets its name when it is whole, and only its owner may read it, for it has the params of "
                    "jobs. Jobs that run are left out.");
  context.on(*exporting, [&context, out] { return export_jobs_to(context, *out); });

  CLI::App* importing = root.add_subcommand("import", "Store the jobs of an export; those that are there are skipped");
  const auto in = std::make_shared<FileChoice>();
  importing->add_option("file", in->file, "Where from; -: standard input (default)")->type_name("FILE");
  in->transfer.add_to(*importing);
  importing->footer("Example:\n  sqlq import failed.jsonl\n\n"
                    "What is pending in it may be claimed at once. To look before, `sqlq queue pause` the queues, "
                    "and take --no-queues.");
  context.on(*importing, [&context, in] { return import_from(context, *in); });
}

}  // namespace sqlq::tool
