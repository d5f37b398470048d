#include "top_screen.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <string_view>
#include <utility>

#include "text.hpp"

namespace sqlq::tool {
namespace {

using Style = ScreenLine::Style;
using Cells = std::vector<std::string>;

struct ScreenColumn {
  std::string name{};
  std::size_t columns = 0;  ///< 0: what the others leave; at most one
  bool right = false;
};

struct Row {
  Cells cells{};
  Style style = Style::plain;
};

struct Table {
  std::vector<ScreenColumn> columns{};
  std::vector<Row> rows{};
  bool has_selection = false;
};

std::string fitted(const std::string& text, std::size_t columns, bool right) {
  std::string shown = cut(text, columns);
  const std::size_t used = width(shown);
  const std::string space(used < columns ? columns - used : 0, ' ');
  return right ? space + shown : shown + space;
}

std::string line_of(const std::vector<ScreenColumn>& columns, const Cells& cells, std::size_t most) {
  std::size_t fixed = columns.empty() ? 0 : columns.size() - 1;
  for (const ScreenColumn& column : columns) fixed += column.columns;
  constexpr std::size_t least = 8;
  const std::size_t rest = most > fixed + least ? most - fixed : least;
  std::string line;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) line += ' ';
    line += fitted(cells[i], columns[i].columns == 0 ? rest : columns[i].columns, columns[i].right);
  }
  return cut(line, most);
}

void add_table(std::vector<ScreenLine>& lines, const Table& table, std::size_t height, std::size_t selected,
               std::size_t width_of_screen) {
  if (height == 0) return;
  Cells names;
  for (const ScreenColumn& column : table.columns) names.push_back(column.name);
  lines.push_back({line_of(table.columns, names, width_of_screen), Style::head});
  const std::size_t room = height - 1;
  const std::size_t first = table.has_selection && selected >= room ? selected - room + 1 : 0;
  const bool cut_off = table.rows.size() > first + room;
  for (std::size_t i = first; i < table.rows.size() && i < first + room; ++i) {
    if (cut_off && !table.has_selection && i + 1 == first + room) {
      lines.push_back({cut("... " + human(table.rows.size() - i) + " more", width_of_screen), Style::dim});
      break;
    }
    const bool chosen = table.has_selection && i == selected;
    lines.push_back({line_of(table.columns, table.rows[i].cells, width_of_screen),
                     chosen ? Style::selected : table.rows[i].style});
  }
}

std::string text_of(const CappedCount& count) { return human(count.value, count.capped); }

std::string text_of(std::optional<double> rate, bool or_more) {
  if (!rate) return "";
  std::string text;
  if (*rate > 0 && *rate < 9.95) {
    const auto tenths = static_cast<std::uint64_t>(std::llround(*rate * 10));
    text = std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
  } else {
    text = human(static_cast<std::uint64_t>(std::llround(*rate)));
  }
  return or_more ? text + "+" : text;
}

std::string state_of(const TopQueue& queue) {
  if (queue.paused) return "PAUSED";
  return queue.limit ? "limit " + std::to_string(*queue.limit) : "";
}

Table table_of_queues(const std::vector<TopQueue>& queues) {
  Table table;
  table.columns = {{"QUEUE", 0, false},  {"PENDING", 7, true}, {"SCHED", 7, true}, {"RUN", 6, true},
                   {"FAILED", 7, true},  {"OLDEST", 7, true},  {"IN/s", 6, true},  {"OUT/s", 6, true},
                   {"STATE", 9, false}};
  for (const TopQueue& queue : queues) {
    table.rows.push_back({{printable(queue.name), text_of(queue.pending), text_of(queue.scheduled),
                           text_of(queue.running), text_of(queue.failed), queue.oldest ? human(*queue.oldest) : "",
                           text_of(queue.rate.in, queue.rate.in_or_more), text_of(queue.rate.out, false),
                           state_of(queue)},
                          queue.paused ? Style::bad : Style::plain});
  }
  return table;
}

std::string joined(const std::vector<std::string>& names, const std::string& none) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ",") + name;
  return text.empty() ? none : printable(text);
}

Table table_of_workers(const TopData& data, const std::vector<WorkerInfo>& workers) {
  Table table;
  if (!data.workers_known) {
    table.columns = {{"WORKER", 0, false}};
    table.rows = {{{"this database keeps no list of workers"}, Style::dim}};
    return table;
  }
  table.columns = {{"WORKER", 0, false}, {"HOST", 12, false}, {"BUSY", 9, true}, {"SEEN", 8, true}, {"STATE", 8, false},
                   {"QUEUES", 16, false}};
  for (const WorkerInfo& worker : workers) {
    const bool silent = data.at - worker.seen_at > std::chrono::seconds(30);
    table.rows.push_back({{printable(worker.name), printable(worker.host),
                           std::to_string(worker.busy) + "/" + std::to_string(worker.concurrency),
                           relative(worker.seen_at, data.at), worker.draining ? "draining" : silent ? "silent" : "",
                           joined(worker.queues, "(all)")},
                          silent ? Style::bad : Style::plain});
  }
  return table;
}

std::string ago(const std::optional<TimePoint>& at, TimePoint now) { return at ? relative(*at, now) : ""; }

void add_id(Table& table, bool wide) {
  if (wide) table.columns.insert(table.columns.begin(), ScreenColumn{"ID", 36, false});
}

Table table_of_failed(const TopData& data, const std::vector<TopJob>& jobs, std::size_t columns) {
  Table table;
  const bool wide = columns >= 120;
  add_id(table, wide);
  table.columns.insert(table.columns.end(), {{"FAILED", 10, true}, {"QUEUE", 12, false}, {"KIND", 16, false},
                                             {"TRIES", 5, true}, {"ERROR", 0, false}});
  for (const TopJob& one : jobs) {
    Cells cells = {ago(one.job.finished_at, data.at), printable(one.job.queue), printable(one.job.kind),
                   std::to_string(one.job.attempt), printable(one.error)};
    if (wide) cells.insert(cells.begin(), one.job.id.to_string());
    table.rows.push_back({std::move(cells), Style::plain});
  }
  return table;
}

std::string progress_of(const Job& job) {
  if (!job.progress) return "";
  std::string text = std::to_string(job.progress->done);
  if (job.progress->total > 0) text += "/" + std::to_string(job.progress->total);
  return printable(text + " " + job.progress->note);
}

Table table_of_running(const TopData& data, const std::vector<TopJob>& jobs, std::size_t columns) {
  Table table;
  const bool wide = columns >= 120;
  add_id(table, wide);
  table.columns.insert(table.columns.end(), {{"SINCE", 10, true}, {"QUEUE", 12, false}, {"KIND", 16, false},
                                             {"WORKER", 18, false}, {"PROGRESS", 0, false}});
  for (const TopJob& one : jobs) {
    const bool stops = one.job.state == JobState::cancelling;
    Cells cells = {ago(one.job.started_at, data.at), printable(one.job.queue), printable(one.job.kind),
                   printable(one.job.worker), stops ? "cancelling" : progress_of(one.job)};
    if (wide) cells.insert(cells.begin(), one.job.id.to_string());
    table.rows.push_back({std::move(cells), stops ? Style::dim : Style::plain});
  }
  return table;
}

Table table_of_scheduled(const TopData& data, const std::vector<TopJob>& jobs, std::size_t columns) {
  Table table;
  const bool wide = columns >= 120;
  add_id(table, wide);
  table.columns.insert(table.columns.end(), {{"DUE", 10, true}, {"QUEUE", 16, false}, {"TRIES", 5, true},
                                             {"KIND", 0, false}});
  for (const TopJob& one : jobs) {
    Cells cells = {relative(one.job.run_at, data.at), printable(one.job.queue), std::to_string(one.job.attempt),
                   printable(one.job.kind)};
    if (wide) cells.insert(cells.begin(), one.job.id.to_string());
    table.rows.push_back({std::move(cells), Style::plain});
  }
  return table;
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string totals(const TopData& data) {
  CappedCount pending, scheduled, running, failed;
  double in = 0;
  double out = 0;
  bool in_known = !data.queues.empty();
  bool out_known = in_known;
  bool in_or_more = false;
  for (const TopQueue& queue : data.queues) {
    pending = sum(pending, queue.pending);
    scheduled = sum(scheduled, queue.scheduled);
    running = sum(running, queue.running);
    failed = sum(failed, queue.failed);
    in_known = in_known && queue.rate.in;
    out_known = out_known && queue.rate.out;
    in_or_more = in_or_more || queue.rate.in_or_more;
    in += queue.rate.in.value_or(0);
    out += queue.rate.out.value_or(0);
  }
  std::string text = "pending " + text_of(pending) + "  sched " + text_of(scheduled) + "  running " +
                     text_of(running) + "  failed " + text_of(failed);
  if (in_known) text += "  in " + text_of(in, in_or_more) + "/s";
  if (out_known) text += "  out " + text_of(out, false) + "/s";
  if (data.workers_known) {
    std::uint64_t busy = 0;
    std::uint64_t slots = 0;
    for (const WorkerInfo& worker : data.workers) {
      busy += worker.busy;
      slots += worker.concurrency;
    }
    text += "  busy " + human(busy) + "/" + human(slots);
  }
  return text;
}

std::string tabs(const TopState& state) {
  static constexpr std::array<std::string_view, view_count> names{"All",    "Queues",    "Running",
                                                                  "Failed", "Scheduled", "Workers"};
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const bool here = static_cast<std::size_t>(state.view) == i;
    text += (here ? "[" : " ") + std::to_string(i + 1) + " " + std::string(names[i]) + (here ? "]" : " ");
  }
  if (!state.filter.empty()) text += "  filter: " + printable(state.filter);
  return text;
}

std::vector<std::string> help_text() {
  return {"1..6   views                        j k    down, up (also the arrows)",
          "/      filter by a part of a name   s      sort queues by another number",
          "p      pause or resume the queue    r      look again at once",
          "R      retry                        q      quit",
          "C      cancel                       ?      this help",
          "D      delete",
          "",
          "R, C and D are about the selected job; in lists of queues they are about the",
          "queue's failed, waiting and finished jobs. Each says how many, and asks.",
          "",
          "FAILED counts jobs in state errored. 1,000+: there are more (--cap).",
          "IN/s and OUT/s are left empty where they cannot be known: OUT/s needs exact",
          "numbers of live jobs.",
          "",
          "A look costs about ten short statements for each queue and a few more, and",
          "reads at most 2,000 jobs, without params, to count those that came. At most",
          "a tenth of the time is spent on looks."};
}

std::string footer(const TopState& state) {
  if (state.typing) return "/" + printable(*state.typing);
  if (!state.question.empty()) return printable(state.question) + " y/n";
  if (!state.message.empty()) return printable(state.message);
  return "1-6 j/k  / filter  s sort  p pause  R retry  C cancel  D delete  ? help  q quit";
}

/// How high each table of the view of all is: what one does not need the others may have.
std::array<std::size_t, 3> heights(std::array<std::size_t, 3> needed, std::size_t room) {
  std::array<std::size_t, 3> given{std::min(needed[0], room / 2), std::min(needed[1], room / 4),
                                   std::min(needed[2], room / 4)};
  std::size_t left = room - given[0] - given[1] - given[2];
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t more = std::min(left, needed[i] - given[i]);
    given[i] += more;
    left -= more;
  }
  return given;
}

void add_all(std::vector<ScreenLine>& lines, const TopData& data, const TopState& state, const ScreenSize& size,
             std::size_t room) {
  Table queues = table_of_queues(queues_shown(data, state));
  queues.has_selection = true;
  const Table workers = table_of_workers(data, workers_shown(data, state));
  const Table failed = table_of_failed(data, data.failed, size.columns);
  const auto height = heights({queues.rows.size() + 2, workers.rows.size() + 2, failed.rows.size() + 1}, room);
  const std::size_t selected = std::min(state.selected, queues.rows.empty() ? 0 : queues.rows.size() - 1);
  add_table(lines, queues, height[0] > 0 ? height[0] - 1 : 0, selected, size.columns);
  if (height[0] > 0) lines.push_back({});
  add_table(lines, workers, height[1] > 0 ? height[1] - 1 : 0, 0, size.columns);
  if (height[1] > 0) lines.push_back({});
  add_table(lines, failed, height[2], 0, size.columns);
}

Table table_of_view(const TopData& data, const TopState& state, const ScreenSize& size) {
  switch (state.view) {
    case View::running: return table_of_running(data, jobs_shown(data, state), size.columns);
    case View::failed: return table_of_failed(data, jobs_shown(data, state), size.columns);
    case View::scheduled: return table_of_scheduled(data, jobs_shown(data, state), size.columns);
    case View::workers: return table_of_workers(data, workers_shown(data, state));
    case View::all:
    case View::queues: break;
  }
  return table_of_queues(queues_shown(data, state));
}

}  // namespace

std::vector<TopQueue> queues_shown(const TopData& data, const TopState& state) {
  std::vector<TopQueue> queues;
  for (const TopQueue& queue : data.queues) {
    if (contains(queue.name, state.filter)) queues.push_back(queue);
  }
  const auto number = [&](const TopQueue& queue) -> std::uint64_t {
    switch (state.sort) {
      case Sort::pending: return queue.pending.value;
      case Sort::running: return queue.running.value;
      case Sort::failed: return queue.failed.value;
      case Sort::oldest: return static_cast<std::uint64_t>(queue.oldest.value_or(Duration::zero()).count());
      case Sort::name: break;
    }
    return 0;
  };
  std::stable_sort(queues.begin(), queues.end(), [&](const TopQueue& a, const TopQueue& b) {
    return state.sort == Sort::name ? a.name < b.name : number(a) > number(b);
  });
  return queues;
}

std::vector<TopJob> jobs_shown(const TopData& data, const TopState& state) {
  const std::vector<TopJob>& all = state.view == View::running     ? data.running
                                   : state.view == View::scheduled ? data.scheduled
                                                                   : data.failed;
  std::vector<TopJob> jobs;
  for (const TopJob& one : all) {
    const bool meant = contains(one.job.queue, state.filter) || contains(one.job.kind, state.filter) ||
                       contains(one.job.worker, state.filter) || contains(one.error, state.filter);
    if (meant) jobs.push_back(one);
  }
  return jobs;
}

std::vector<WorkerInfo> workers_shown(const TopData& data, const TopState& state) {
  std::vector<WorkerInfo> workers;
  for (const WorkerInfo& worker : data.workers) {
    const bool meant = state.view != View::workers || contains(worker.name, state.filter) ||
                       contains(worker.host, state.filter);
    if (meant) workers.push_back(worker);
  }
  return workers;
}

TopWish wish_for(const TopState& state, const ScreenSize& size, std::uint64_t cap) {
  const std::size_t rows = std::clamp<std::size_t>(size.rows, 1, 200);
  TopWish wish{.cap = cap};
  if (state.view == View::all) wish.failed = rows / 2;
  if (state.view == View::failed) wish.failed = rows;
  if (state.view == View::running) wish.running = rows;
  if (state.view == View::scheduled) wish.scheduled = rows;
  return wish;
}

std::vector<ScreenLine> lay_out(const TopData& data, const TopState& state, const ScreenSize& size) {
  std::vector<ScreenLine> lines;
  const std::string clock = utc(data.at).substr(11, 8) + "Z";
  const std::size_t left = size.columns > clock.size() + 1 ? size.columns - clock.size() - 1 : 0;
  lines.push_back({fitted("sqlq top  " + printable(data.where), left, false) + " " + clock, Style::title});
  lines.push_back({totals(data), Style::plain});
  lines.push_back({tabs(state), Style::plain});
  const std::size_t room = size.rows > 4 ? size.rows - 4 : 0;
  if (state.help) {
    for (const std::string& line : help_text()) lines.push_back({line, Style::plain});
  } else if (state.view == View::all) {
    add_all(lines, data, state, size, room);
  } else {
    Table table = table_of_view(data, state, size);
    table.has_selection = true;
    const std::size_t selected = std::min(state.selected, table.rows.empty() ? 0 : table.rows.size() - 1);
    add_table(lines, table, room, selected, size.columns);
  }
  const std::size_t above = size.rows > 0 ? size.rows - 1 : 0;
  lines.resize(above);
  if (size.rows > 0) lines.push_back({footer(state), state.question.empty() ? Style::dim : Style::bad});
  for (ScreenLine& line : lines) line.text = cut(line.text, size.columns);
  return lines;
}

}  // namespace sqlq::tool
