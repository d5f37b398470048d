#include <sqlq/metrics.hpp>

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "client/metric_counts.hpp"
#include "core/checks.hpp"
#include "core/text.hpp"

namespace sqlq {
namespace {

using metric::bounds, metric::Counts, metric::Histogram, metric::job_ends, metric::levels, metric::others_name;
using metric::reaped, metric::Series, metric::Totals;

std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : core::clean_text(value, core::max_message_bytes)) {
    if (c == '\n') {
      text += "\\n";
    } else {
      if (c == '\\' || c == '"') text += '\\';
      text += c;
    }
  }
  return text;
}

/// Exact: 1.5 s is 1.500000.
std::string in_seconds(Duration time) {
  const auto us = time.count();
  std::string fraction = std::to_string(us % 1'000'000);
  return std::to_string(us / 1'000'000) + '.' + std::string(6 - fraction.size(), '0') + fraction;
}

/// Without zeros at its end: 0.25, 60.
std::string bound_text(Duration bound) {
  std::string text = in_seconds(bound);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

class Writer final {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  template <class Number>
  void value(std::string_view labels, Number number) {
    line("", labels, std::to_string(number));
  }
  void histogram(const std::string& labels, const Histogram& h) {
    const std::string before = labels.empty() ? "" : labels + ',';
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      count += h.counts[i];
      line("_bucket", before + "le=\"" + bound_text(bounds[i]) + '"', std::to_string(count));
    }
    count += h.counts.back();
    line("_bucket", before + "le=\"+Inf\"", std::to_string(count));
    line("_sum", labels, in_seconds(h.sum));
    line("_count", labels, std::to_string(count));
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, std::string_view labels, std::string_view number) {
    text_.append(name_).append(suffix);
    if (!labels.empty()) text_.append("{").append(labels).append("}");
    text_.append(" ").append(number).append("\n");
  }

  std::string name_;
  std::string text_;
};

}  // namespace

struct Metrics::Impl : Counts {
  using Counts::Counts;
};

Metrics::Metrics(MetricsOptions options) : impl_(std::make_unique<Impl>(options.most_series)) {
  core::check_range(options.most_series, 0, 1'000'000, "MetricsOptions::most_series");
}

Metrics::~Metrics() = default;

void Metrics::observe(const Event& event) {
  const core::MutexLock lock(impl_->mutex);
  std::visit([this](const auto& e) SQLQ_REQUIRES(impl_->mutex) { impl_->count(e); }, event);
}

std::string Metrics::text() const {
  std::vector<std::pair<std::string, Series>> rows;  // by their labels
  Totals totals;
  {
    const core::MutexLock lock(impl_->mutex);
    totals = impl_->totals;
    rows.reserve(impl_->all.size() + 1);
    for (const auto& [key, series] : impl_->all) {
      rows.emplace_back("queue=\"" + escaped(key.first) + "\",kind=\"" + escaped(key.second) + '"', series);
    }
    if (impl_->rest) {
      const std::string others(others_name);
      rows.emplace_back("queue=\"" + others + "\",kind=\"" + others + '"', *impl_->rest);
    }
  }
  Writer out;
  out.family("sqlq_jobs_enqueued_total", "counter", "Jobs that were stored.");
  for (const auto& [labels, s] : rows) out.value(labels, s.enqueued);
  out.family("sqlq_jobs_existing_total", "counter", "Enqueues that found their id or unique key there.");
  for (const auto& [labels, s] : rows) out.value(labels, s.existing);
  out.family("sqlq_jobs_ended_total", "counter", "Executions, by how they ended.");
  for (const auto& [labels, s] : rows) {
    for (std::size_t i = 0; i < job_ends; ++i) {
      out.value(labels + ",end=\"" + std::string(to_string(static_cast<JobEnd>(i))) + '"', s.ended[i]);
    }
  }
  out.family("sqlq_jobs_running", "gauge", "Handlers begun whose outcome is not written yet.");
  for (const auto& [labels, s] : rows) out.value(labels, s.running);
  out.family("sqlq_job_run_seconds", "histogram", "How long handlers ran.");
  for (const auto& [labels, s] : rows) out.histogram(labels, s.run);
  out.family("sqlq_job_wait_seconds", "histogram", "From due to begun.");
  for (const auto& [labels, s] : rows) out.histogram(labels, s.wait);
  out.family("sqlq_claims_total", "counter", "Claims, also those that found nothing.");
  out.value("", totals.claims);
  out.family("sqlq_claimed_jobs_total", "counter", "Jobs that claims brought.");
  out.value("", totals.claimed);
  out.family("sqlq_claim_seconds", "histogram", "How long claims took.");
  out.histogram("", totals.claim);
  out.family("sqlq_leases_ended_total", "counter", "Leases that ended without a word, by what became of the job.");
  for (std::size_t i = 0; i < reaped.size(); ++i) {
    out.value("end=\"" + std::string(reaped[i]) + '"', totals.leases[i]);
  }
  out.family("sqlq_ticks_fired_total", "counter", "Ticks of schedules that stored a job.");
  out.value("", totals.ticks);
  out.family("sqlq_worker_events_total", "counter", "Events of workers, by level.");
  for (std::size_t i = 0; i < levels.size(); ++i) {
    out.value("level=\"" + std::string(levels[i]) + '"', totals.events[i]);
  }
  return out.take();
}

}  // namespace sqlq
