#include "job_watch.hpp"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include <sqlq/stop_token.hpp>

#include "filter_options.hpp"
#include "job_records.hpp"
#include "text.hpp"

namespace sqlq::tool {

bool pause_for(Duration time, sqlq::stop_token stop) {
  const auto clock = system_clock();
  const auto signal = clock->make_signal();
  const sqlq::stop_callback wake(stop, [&signal] { signal->notify(); });
  const SteadyPoint until = saturating_add(clock->steady(), time);
  while (!stop.stop_requested() && signal->wait_until(until)) {
  }
  return !stop.stop_requested();
}

namespace {

// ------------------------------------------------------------------------------------------------- wait

struct WaitOptions {
  std::vector<std::string> ids{};
  std::string timeout{};
};

ExitCode wait_for_jobs(Context& context, const WaitOptions& options) {
  const sqlq::stop_token stop = context.stop();
  std::vector<JobId> ids;
  for (const std::string& id : options.ids) ids.push_back(read_id(id, "the argument"));
  const auto clock = system_clock();
  const SteadyPoint until = options.timeout.empty()
                                ? SteadyPoint::max()
                                : saturating_add(clock->steady(), read_duration(options.timeout, "--timeout"));
  Client client = context.client();
  const Admin admin = context.admin();
  Records records = context.records({{"id", Column::left, Column::whole}, {"state"}, {"result"}, {"error"}});
  ExitCode code = ExitCode::ok;
  for (const JobId id : ids) {
    const auto left = until == SteadyPoint::max() ? Duration::max() : until - clock->steady();
    std::optional<Job> job = client.wait(id, left, stop);
    if (stop.stop_requested() && !job) {
      code = ExitCode::interrupted;
      break;
    }
    const bool finished = job.has_value();
    if (!finished) job = client.find(id);
    if (!job) {
      context.complain("there is no job " + id.to_string() + ": it was deleted, or never enqueued");
      records.add({id.to_string(), Value(), Value(), Value()});
      code = ExitCode::not_found;
      continue;
    }
    const auto last = last_record(admin, *job);
    const bool failed = finished && job->state != JobState::success;
    records.add({id.to_string(), to_string(job->state),
                 job->result.empty() ? Value() : Value(Value::Json{job->result}),
                 last && failed ? Value(last->message) : Value()});
    // Of several answers the first of these is told: unknown, timed out, failed.
    if (!finished && code != ExitCode::not_found) code = ExitCode::timed_out;
    if (failed && code == ExitCode::ok) code = ExitCode::job_failed;
  }
  records.finish();
  return code;
}

// ------------------------------------------------------------------------------------------------- tail

struct TailOptions {
  std::shared_ptr<FilterOptions> filter{};
  std::string time{};
  std::string interval = "1s";
};

constexpr std::size_t followed = 1000;      ///< live jobs that are looked at in each round

/// What is told of a job, with the error that it is about.
struct Noted {
  Happening happening{};
  std::string error{};
};

/// Looks at the jobs of a filter in four short calls: the newest, those that run, those that failed, and those that
/// were seen before and had not finished.
class Looker {
 public:
  Looker(Admin admin, JobFilter filter) : admin_(std::move(admin)), filter_(std::move(filter)) {
    shown_states_ = std::exchange(filter_.states, {});
    shown_error_ = std::exchange(filter_.error, {});
  }

  void begin(TimePoint now) {
    std::vector<Job> others = in({JobState::running, JobState::cancelling});
    append(others, in({JobState::errored}));
    append(others, in({JobState::pending, JobState::scheduled, JobState::waiting}));
    follower_.begin(admin_.list_step(filter_, {.limit = followed, .payloads = false}).jobs, others, now);
  }

  std::vector<Noted> look() {
    const std::vector<JobId> live = follower_.live(followed);
    std::vector<Happening> happened = follower_.see(newest());
    append(happened, follower_.see(in({JobState::running, JobState::cancelling})));
    append(happened, follower_.see(in({JobState::errored})));
    if (!live.empty()) {
      JobFilter these = filter_;
      these.ids = live;
      const std::vector<Job> found = admin_.list(these, {.limit = followed, .payloads = false});
      append(happened, follower_.see(found));
      append(happened, follower_.miss(live, found));
    }
    std::erase_if(happened, [this](const Happening& h) { return !wanted(h); });
    std::stable_sort(happened.begin(), happened.end(),
                     [](const Happening& a, const Happening& b) { return a.at < b.at; });
    return with_errors(std::move(happened));
  }

 private:
  template <class T>
  static void append(std::vector<T>& to, std::vector<T> from) {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }

  std::vector<Job> in(std::vector<JobState> states) const {
    JobFilter these = filter_;
    these.states = std::move(states);
    return admin_.list_step(these, {.limit = followed, .payloads = false}).jobs;
  }

  /// Back to the first page on which every job is known: at most 10 pages, as many as can be printed in a second.
  std::vector<Job> newest() const {
    std::vector<Job> jobs;
    Page page{.before = {}, .limit = 200, .payloads = false};
    for (int i = 0; i < 10; ++i) {
      JobPage step = admin_.list_step(filter_, page);
      const bool known = std::all_of(step.jobs.begin(), step.jobs.end(),
                                     [this](const Job& job) { return follower_.knows(job.id); });
      append(jobs, std::move(step.jobs));
      if (known || !step.next) break;
      page.before = step.next;
    }
    return jobs;
  }

  bool wanted(const Happening& happening) const {
    const JobState state = happening.what == "enqueued" ? JobState::pending : happening.job.state;
    const bool shown = shown_states_.empty() ||
                       (happening.what != "gone" &&
                        std::find(shown_states_.begin(), shown_states_.end(), state) != shown_states_.end());
    return shown && (shown_error_.empty() || tells_state(happening));
  }

  static bool tells_state(const Happening& happening) {
    return happening.what != "enqueued" && happening.what != "gone";
  }

  /// Of those that tell a state, with --error, the ones whose last error has that text.
  std::vector<Noted> with_errors(std::vector<Happening> happened) const {
    std::vector<Job> jobs;
    for (const Happening& happening : happened) jobs.push_back(happening.job);
    const std::vector<std::optional<AttemptRecord>> last = last_records(admin_, jobs);
    std::vector<Noted> all;
    for (std::size_t i = 0; i < happened.size(); ++i) {
      const std::string message = last[i] ? last[i]->message : std::string();
      if (message.find(shown_error_) == std::string::npos) continue;
      Noted told{.happening = std::move(happened[i])};
      const JobState state = told.happening.job.state;
      const bool about_it = state != JobState::success && state != JobState::running && state != JobState::cancelling;
      if (last[i] && about_it && tells_state(told.happening)) {
        told.error = message.empty() ? std::string(to_string(last[i]->cause)) : message;
      }
      all.push_back(std::move(told));
    }
    return all;
  }

  Admin admin_;
  JobFilter filter_;
  std::vector<JobState> shown_states_{};
  std::string shown_error_{};
  Follower follower_{};
};

void print_line(Context& context, const Happening& happening, const std::string& error) {
  std::string line = utc(happening.at) + " " + happening.job.id.to_string() + " ";
  line += happening.what;
  line.append(happening.what.size() < 10 ? 11 - happening.what.size() : 1, ' ');
  line += printable(happening.job.queue) + " " + printable(happening.job.kind);
  if (happening.job.claims > 0 && happening.what != "enqueued") {
    line += " attempt " + std::to_string(happening.job.attempt);
    if (!happening.job.worker.empty()) line += " on " + printable(happening.job.worker);
  }
  if (!error.empty()) line += ": " + printable(error);
  const std::size_t width = context.look().width;
  context.out() << (width == 0 ? line : cut(line, width)) << '\n';
}

ExitCode tail(Context& context, const TailOptions& options) {
  const sqlq::stop_token stop = context.stop();
  const Duration interval = read_duration(options.interval, "--interval");
  if (interval < std::chrono::milliseconds(100)) {
    throw Exit(ExitCode::usage, "--interval: at least 100ms, so that workers keep the database");
  }
  const auto clock = system_clock();
  const SteadyPoint until = options.time.empty()
                                ? SteadyPoint::max()
                                : saturating_add(clock->steady(), read_duration(options.time, "--for"));
  const TimePoint now = context.now();
  Looker looker(context.admin(), options.filter->filter(now));
  looker.begin(now);
  context.say("watching jobs; SIGINT (Ctrl-C) ends it");
  const bool lines = context.options().format == Format::table;
  std::optional<Records> records;
  if (!lines) {
    records.emplace(context.records({{"at"}, {"event"}, {"id"}, {"queue"}, {"kind"}, {"state"}, {"attempt"},
                                     {"worker"}, {"error"}}));
  }
  bool last = false;
  while (!last) {
    const Duration left = until == SteadyPoint::max() ? interval : until - clock->steady();
    // The last look is at the end of the time, so that all of it was watched.
    last = !pause_for(std::clamp(left, Duration::zero(), interval), stop) || clock->steady() >= until;
    for (const auto& [happening, error] : looker.look()) {
      const Job& job = happening.job;
      if (lines) {
        print_line(context, happening, error);
      } else {
        records->add({happening.at, happening.what, job.id.to_string(), job.queue, job.kind, to_string(job.state),
                      job.attempt, job.worker.empty() ? Value() : Value(job.worker),
                      error.empty() ? Value() : Value(error)});
      }
    }
    context.out().flush();
  }
  if (records) records->finish();
  return ExitCode::ok;
}

}  // namespace

void add_job_watching(CLI::App& job, Context& context) {
  CLI::App& wait = *job.add_subcommand("wait", "Wait until jobs have finished, and print their results");
  auto waiting = std::make_shared<WaitOptions>();
  wait.add_option("ids", waiting->ids, "These jobs")->required();
  wait.add_option("--timeout", waiting->timeout, "Wait no longer than this: 90s, 1h");
  wait.footer("Example:\n  sqlq job wait --timeout 10m 019ad0c5-7f3a-7c1e-9a55-0f6b2d1c8e47");
  context.on(wait, [&context, waiting] { return wait_for_jobs(context, *waiting); });

  CLI::App& follow = *job.add_subcommand("tail", "Say what happens to jobs, until SIGINT");
  auto tailing = std::make_shared<TailOptions>();
  tailing->filter = add_filter_options(follow, false);
  follow.add_option("--for", tailing->time, "End after this time: 90s, 1h");
  follow.add_option("--interval", tailing->interval, "Time between two looks, at least 100ms")->capture_default_str();
  follow.footer("Example:\n  sqlq job tail --queue mail --state errored");
  context.on(follow, [&context, tailing] { return tail(context, *tailing); });
}

}  // namespace sqlq::tool
