#include "job_change.hpp"

#include <algorithm>

#include <sqlq/error.hpp>

#include "text.hpp"

namespace sqlq::tool {

Answer answer(RequeueStatus status) {
  Answer::Sort sort = Answer::Sort::conflict;
  if (status == RequeueStatus::requeued) sort = Answer::Sort::done;
  if (status == RequeueStatus::not_found) sort = Answer::Sort::not_found;
  return {sort, std::string(to_string(status)), {}};
}

Answer answer(CancelStatus status) {
  Answer::Sort sort = Answer::Sort::done;
  if (status == CancelStatus::finished) sort = Answer::Sort::conflict;
  if (status == CancelStatus::not_found) sort = Answer::Sort::not_found;
  return {sort, std::string(to_string(status)), {}};
}

Answer answer(ActionStatus status) {
  Answer::Sort sort = Answer::Sort::conflict;
  if (status == ActionStatus::done) sort = Answer::Sort::done;
  if (status == ActionStatus::not_found) sort = Answer::Sort::not_found;
  return {sort, std::string(to_string(status)), {}};
}

Answer answer(const BulkReport& report) {
  if (report.done > 0) return answer(ActionStatus::done);
  if (report.refused > 0) return {Answer::Sort::conflict, "refused", {}};
  return answer(report.seen == 0 ? ActionStatus::not_found : ActionStatus::unchanged);
}

Tally tally_of(const std::vector<Answer>& answers) {
  const auto are = [&answers](Answer::Sort sort) {
    return static_cast<std::size_t>(
        std::count_if(answers.begin(), answers.end(), [sort](const Answer& a) { return a.sort == sort; }));
  };
  return {answers.size(), are(Answer::Sort::done), are(Answer::Sort::not_found)};
}

ExitCode code_of(const BulkReport& report) {
  const bool whole = report.unchanged == 0 && report.conflicts == 0 && report.refused == 0 && !report.next;
  return whole ? ExitCode::ok : ExitCode::partly_done;
}

BulkReport take_away_all(const Admin& admin, const JobFilter& filter, AfterTaking then, const BulkOptions& options) {
  BulkReport report;
  Page page{.before = options.before, .limit = options.step, .payloads = false};
  Admin changing = admin;
  for (;;) {
    const JobPage step = admin.list_step(filter, page);
    for (const Job& job : step.jobs) {
      ++report.seen;
      try {
        ++(changing.take_away(job.id, then) == ActionStatus::done ? report.done : report.unchanged);
      } catch (const Error& e) {
        if (e.code() != Errc::refused) throw;
        ++report.refused;
        if (report.refused_ids.size() < 100) report.refused_ids.push_back(job.id);
      }
    }
    report.next = page.before = step.next;
    const bool go_on = !options.on_progress || options.on_progress(report);
    if (!report.next || !go_on || report.seen >= options.limit || options.stop.stop_requested()) return report;
  }
}

std::string jobs_text(const CappedCount& count) {
  return counted(count.value, "job", count.capped);
}

std::string progress_text(const BulkReport& report, const CappedCount& all, Duration since_start) {
  const bool known = report.seen < all.value;  // else there are more than were counted
  std::string text = known ? human(report.seen) + " of " + jobs_text(all) : jobs_text({report.seen, false});
  const double seconds = std::chrono::duration<double>(since_start).count();
  if (seconds < 0.1 || report.seen == 0) return text;
  const double rate = static_cast<double>(report.seen) / seconds;
  text += ", " + human(static_cast<std::uint64_t>(rate)) + "/s";
  if (all.capped || report.seen >= all.value) return text;
  const double left = static_cast<double>(all.value - report.seen) / rate;
  return text + ", " + human(std::chrono::duration_cast<Duration>(std::chrono::ceil<std::chrono::seconds>(
                           std::chrono::duration<double>(left)))) + " left";
}

std::string summary(const std::string& verb, const BulkReport& report) {
  std::string text = verb + ": " + human(report.done) + " of " + jobs_text({report.seen, false});
  text += report.seen == 1 ? " was changed" : " were changed";
  if (report.unchanged > 0) text += "; " + human(report.unchanged) + " were in no state for it";
  if (report.conflicts > 0) text += "; of " + human(report.conflicts) + " a live job has the unique key";
  if (report.refused > 0) text += "; " + human(report.refused) + " the database refuses to change";
  return text;
}

}  // namespace sqlq::tool
