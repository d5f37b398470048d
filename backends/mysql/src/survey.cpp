#include "survey.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "core/sorted.hpp"
#include "rows.hpp"
#include "sql/reading.hpp"

namespace sqlq::mysql {
namespace {

/// With marks each lane takes a statement of its own: worth it for so many.
constexpr std::size_t most_marked = 32;

/// Of "priority due seq"; empty for none.
std::optional<sql::Place> read_place(std::int64_t lane, std::string_view text) {
  if (text.empty()) return {};
  sql::Place place{.lane = lane};
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::int64_t* number : {&place.priority, &place.due, &place.seq}) {
    at = std::from_chars(at, end, *number).ptr;
    if (at != end) ++at;
  }
  return place;
}

class Survey {
 public:
  Survey(const Context& c, const backend::ClaimRequest& request) : c_(c), request_(request) {}

  View run() {
    if (const auto marks = c_.marks.find(request_); !marks.empty() && marks.size() <= most_marked) {
      look_again(marks);
      if (!view_.lanes.empty()) return std::move(view_);
    }
    look_everywhere();
    c_.marks.surveyed(request_, view_.marks(), view_.took);
    return std::move(view_);
  }

 private:
  void look_again(const std::vector<sql::Ready>& marks) {
    view_ = {};
    for (const sql::Ready& mark : marks) {
      c_.session.execute(c_.q.lane_again,
                         {{"now", c_.work.wall()},
                          {"worker", request_.worker},
                          {"lane", mark.lane.id},
                          {"priority", mark.first.priority},
                          {"due", mark.first.due},
                          {"seq", mark.first.seq},
                          {"since", mark.since}},
                         [&](const sql::Row& row) { add_lane(row); });
    }
    std::vector<sql::Ready> found;
    for (std::size_t i = 0; i < view_.lanes.size(); ++i) found.push_back({view_.lanes[i], view_.firsts[i]});
    c_.marks.moved(found);
  }

  void look_everywhere() {
    view_ = {};
    const auto add = [&](const sql::Row& row) { add_lane(row); };
    if (request_.queues.empty()) {
      c_.session.execute(c_.q.lanes_of_all, {{"now", c_.work.wall()}, {"worker", request_.worker}}, add);
      return;
    }
    const auto names =
        core::sorted_once(std::vector<std::string_view>(request_.queues.begin(), request_.queues.end()));
    in_lists(std::span<const std::string_view>(names), [&](std::span<const std::string_view> piece) {
      const sql::List list{.width = 1, .values = {piece.begin(), piece.end()}};
      c_.session.execute(c_.q.lanes_of,
                         {{"now", c_.work.wall()}, {"worker", request_.worker}, {"queues", list}}, add);
    });
  }

  void add_lane(const sql::Row& row) {
    sql::Fields f(row);
    view_.now = f.integer();
    view_.worker = f.maybe_integer();
    sql::Lane lane;
    lane.queue_id = f.integer();
    lane.queue = f.text();
    lane.queue_priority = f.integer();
    lane.concurrency = f.maybe_integer();
    const auto next_due = f.maybe_integer();
    lane.id = f.integer();
    lane.kind = f.text();
    const std::optional<sql::Place> first = read_place(lane.id, f.maybe_text());
    const std::optional<sql::Place> first_suspect = read_place(-lane.id, f.maybe_text());
    view_.took = std::max(view_.took, Duration(f.integer()));
    const bool wanted =
        request_.kinds.empty() || std::ranges::find(request_.kinds, lane.kind) != request_.kinds.end();
    const bool soon = next_due && *next_due <= view_.now;
    if (!wanted) return;
    if (next_due) view_.scheduled.push_back({lane, *next_due});
    if (lane.concurrency && (first || first_suspect || soon)) view_.limited.insert(lane.queue_id);
    if (first_suspect) {
      view_.suspects = true;
      if (request_.suspects > 0) {
        view_.firsts.push_back(*first_suspect);
        view_.lanes.push_back(lane);
        view_.lanes.back().id = first_suspect->lane;
      }
    }
    if (!first) return;
    view_.firsts.push_back(*first);
    view_.lanes.push_back(std::move(lane));
  }

  const Context& c_;
  const backend::ClaimRequest& request_;
  View view_{};
};

}  // namespace

std::vector<sql::Scheduled> View::due() const {
  std::vector<sql::Scheduled> result;
  std::ranges::copy_if(scheduled, std::back_inserter(result), [&](const auto& s) { return s.first_due <= now; });
  return result;
}

std::vector<sql::Ready> View::marks() const {
  std::map<std::int64_t, sql::Ready> by_lane;
  const std::int64_t a_moment_ago = now - 1'000'000;  // others may have stored what is due then and not committed yet
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    if (!lanes[i].suspects()) by_lane[lanes[i].id] = {lanes[i], firsts[i], a_moment_ago};
  }
  for (const sql::Scheduled& s : scheduled) {
    const auto [at, isnew] = by_lane.try_emplace(s.lane.id, sql::Ready{s.lane, sql::before_all(s.lane.id)});
    at->second.since = std::min(s.first_due, a_moment_ago);
  }
  std::vector<sql::Ready> result;
  for (auto& [lane, mark] : by_lane) result.push_back(std::move(mark));
  return result;
}

View survey(const Context& c, const backend::ClaimRequest& request) { return Survey(c, request).run(); }

}  // namespace sqlq::mysql
