#include "sql/gate_look.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/gate.hpp"
#include "sql/gate_rows.hpp"
#include "sql/job_row.hpp"
#include "sql/reading.hpp"

namespace sqlq::sql {
namespace {

using backend::GateName;
using backend::GatesLooked;

/// A look lets in so many jobs, and so many come into lines: its transaction stays short.
constexpr std::size_t most_let_in = 1000;
constexpr std::int64_t most_came = 1000;
/// Of gates without limits so many jobs inside are looked at: only to forget those that have ended.
constexpr std::int64_t most_unlimited = 1000;
constexpr std::int64_t everything = std::numeric_limits<std::int32_t>::max();
/// How often jobs that could not be let in are replaced by the next ones in line.
constexpr int most_rounds = 4;
/// So many more of a line are read than are let in, for some may have ended.
constexpr std::size_t spare = 3;
/// When a locked job is tried again, and a gate that somebody else looks at.
constexpr Duration locked_pause = std::chrono::seconds(1);
constexpr Duration beside_others = std::chrono::milliseconds(100);

/// Where those inside stand: those whose start since they were let in was counted, and the others.
constexpr core::Rank let_in_now{.first = 0, .second = 0};
constexpr core::Rank counted_start{.first = 1, .second = 0};

/// A look, in one transaction: again from the start whenever the runner tries again.
class Look {
 public:
  Look(const GateStatements& q, Operations& operations, Work& w) : q_(q), operations_(operations), w_(w) {}

  GatesLooked operator()(std::span<const GateName> named, std::size_t limit) {
    w_.begin();
    const std::set<GateKey> wanted = gather(named, static_cast<std::int64_t>(limit));
    lock(wanted);
    // Somebody looks at it, who may have read its jobs before what the caller knows of: it is to be named again.
    const auto locked = [this](const GateKey& name) { return gates_.contains(name); };
    const bool beside = !std::ranges::all_of(named_, locked);
    if (gates_.empty()) {
      w_.wrote_nothing();
      done_.more = beside;  // others are looking at what there is
    } else {
      done_.more = done_.more || beside;
      read_gates();
      read_jobs();
      measure();
      let_in();
      write();
    }
    done_.next = next();
    return done_;
  }

 private:
  Session& s() const { return w_.session(); }

  std::set<GateKey> gather(std::span<const GateName> named, std::int64_t limit) {
    std::set<GateKey> wanted;
    const auto add = [&](const Row& row) {
      Fields f(row);
      GateKey gate{.queue = f.integer()};
      gate.key = f.text();
      if (!gate.key.empty()) wanted.insert(std::move(gate));
    };
    const auto most = [&](std::size_t found) { done_.more = done_.more || found == static_cast<std::size_t>(limit); };
    if (!named.empty()) {
      JsonRows names;
      for (const GateName& name : named) names.add({json_string(name.queue), json_string(name.key)});
      s().execute(q_.named, {{"names", std::string_view(names.text())}}, add);
    }
    named_ = wanted;
    most(s().execute(q_.arrived, {{"now", w_.wall()}, {"n", limit}}, add));
    most(s().execute(q_.due, {{"now", w_.wall()}, {"n", limit}}, add));
    return wanted;
  }

  /// Those that nobody else has locked. A gate that was not there is made.
  void lock(const std::set<GateKey>& wanted) {
    if (wanted.empty()) return;
    lock_rows(wanted);
    std::set<GateKey> missing = wanted;
    for (const auto& gate : gates_) missing.erase(gate.first);
    if (missing.empty()) return;
    if (s().execute(q_.make, {{"gates", std::string_view(names_of(missing))}}) != 0) lock_rows(missing);
  }

  void lock_rows(const std::set<GateKey>& names) {
    s().execute(q_.lock, {{"now", w_.wall()}, {"gates", std::string_view(names_of(names))}}, [&](const Row& row) {
      Fields f(row);
      now_ = wall(f.integer());
      Gate gate{.name = {.queue = f.integer()}};
      gate.name.key = f.text();
      gate.settings = f.text();
      gate.state = {.next_start = wall(f.integer()), .shut_until = wall(f.integer()), .let_in = wall(f.integer())};
      GateKey name = gate.name;
      gates_.emplace(std::move(name), std::move(gate));
    });
    done_.now = now_;
  }

  /// What may have changed until the lock was had.
  void read_gates() {
    const std::vector<GateKey> all = some([](const Gate&) { return true; });
    s().execute(q_.lines, {{"gates", std::string_view(names_of(all))}}, [&](const Row& row) {
      Fields f(row);
      GateKey name{.queue = f.integer()};
      name.key = f.text();
      const auto at = gates_.find(name);
      if (at == gates_.end()) return;
      Gate& gate = at->second;
      const std::string_view of_all = f.maybe_text();
      gate.limits = core::read_key_limits(gate.settings.empty() ? of_all : gate.settings);
      gate.head = f.maybe_integer();
      gate.later = f.maybe_integer();
      gate.line_ends = !gate.head;
    });
  }

  template <class Names>
  static std::string names_of(const Names& names) {
    JsonRows rows;
    for (const GateKey& name : names) rows.add({digits(name.queue), json_string(name.key)});
    return rows.text();
  }

  /// Of those gates of which `which` is true.
  template <class Which>
  std::vector<GateKey> some(const Which& which) const {
    std::vector<GateKey> names;
    for (const auto& [name, gate] : gates_) {
      if (which(gate)) names.push_back(name);
    }
    return names;
  }

  void read_jobs() {
    const auto inside = [](Gate& gate, Member member) { gate.inside.push_back(std::move(member)); };
    const auto of = [&](const std::vector<GateKey>& names, std::int64_t n) {
      if (names.empty()) return;
      s().execute(q_.inside, {{"gates", std::string_view(names_of(names))}, {"n", n}},
                  [&](const Row& row) { read_member(row, Stage::inside, inside); });
    };
    of(some([](const Gate& gate) { return gate.limited(); }), everything);
    of(some([](const Gate& gate) { return !gate.limited(); }), most_unlimited);
    // Also one that was put back since the lock counts: in a strict order nobody overtakes it.
    const auto came = some([&](const Gate& gate) {
      return gate.limited() || (gate.later && wall(*gate.later) <= now_);
    });
    if (came.empty()) return;
    const std::size_t n = s().execute(
        q_.came, {{"now", w_.wall()}, {"gates", std::string_view(names_of(came))}, {"n", most_came}},
        [&](const Row& row) {
          read_member(row, Stage::later, [](Gate& gate, Member member) {
            const auto same = [&](const Member& m) { return m.seen.seq == member.seen.seq; };
            if (member.seen.claims > 0) std::erase_if(gate.inside, same);  // put back between the two statements
            (member.seen.is_inside() ? gate.inside : gate.waiting).push_back(std::move(member));
          });
        });
    done_.more = done_.more || n == static_cast<std::size_t>(most_came);
  }

  /// Columns: queue, key, first, claims, started?, and those of read_seen
  template <class Take>
  void read_member(const Row& row, Stage stage, const Take& take) {
    Fields f(row);
    GateKey name{.queue = f.integer()};
    name.key = f.text();
    const auto at = gates_.find(name);
    Member member{.stage = stage};
    const std::int64_t first = f.integer();
    member.counted = stage == Stage::inside && first == counted_start.first;
    member.claims = f.integer();
    member.started_at = wall(f.maybe_integer().value_or(0));
    member.seen = read_seen(f);
    if (at != gates_.end()) take(at->second, std::move(member));
  }

  void measure() {
    for (auto& entry : gates_) {
      Gate& gate = entry.second;
      std::vector<core::InsideJob> jobs;
      for (const Member& member : gate.inside) {
        jobs.push_back({.seq = member.seen.seq, .state = member.seen.state, .started = member.started(),
                        .started_at = member.started_at, .counted = member.counted});
      }
      for (const Member& member : gate.waiting) {
        // It was put back before anybody counted that it had started.
        if (!member.started()) continue;
        jobs.push_back({.seq = member.seen.seq, .started = true, .started_at = member.started_at});
      }
      gate.room = core::measure(gate.limits, gate.state, jobs, now_);
      gate.left = gate.room.room;
      sort_inside(gate);
    }
  }

  /// Those that are over, those that wait again, and those that are inside still.
  void sort_inside(Gate& gate) {
    const auto is_in = [](const std::vector<std::int64_t>& seqs) {
      return [sorted = std::set<std::int64_t>(seqs.begin(), seqs.end())](const Member& m) {
        return sorted.contains(m.seen.seq);
      };
    };
    const auto ended = is_in(gate.room.ended);
    const auto returned = is_in(gate.room.returned);
    const auto counted = is_in(gate.room.counted);
    std::vector<Member> inside;
    for (Member& member : gate.inside) {
      if (ended(member)) {
        dropped_.add({digits(member.seen.seq), digits(member.stage)});
      } else if (returned(member)) {
        gate.waiting.push_back(std::move(member));
      } else {
        if (counted(member)) {
          put(member, Stage::inside, counted_start);
        } else if (member.stage != Stage::inside) {
          put(member, Stage::inside, let_in_now);
        }
        inside.push_back(std::move(member));
      }
    }
    gate.inside = std::move(inside);
    for (const Member& member : gate.waiting) sort_out(gate, member);
  }

  /// One whose row says that it waits and that does not.
  void sort_out(Gate& gate, const Member& member) {
    if (member.seen.waits()) return;
    if (member.seen.is_inside()) {
      put(member, Stage::inside, let_in_now);
      gate.any_inside = true;
      gate.left -= std::min<std::size_t>(gate.left, 1);
    } else {
      dropped_.add({digits(member.seen.seq), digits(member.stage)});
    }
  }

  void put(const Member& member, Stage stage, const core::Rank& rank) {
    (member.let_in ? admitted_ : moved_)
        .add({digits(member.seen.seq), digits(member.stage), digits(stage), digits(rank.first), digits(rank.second),
              digits(member.seen.claims)});
  }

  // ---------------------------------------------------------------------------------------------- who is let in

  void let_in() {
    std::size_t budget = most_let_in;
    for (int round = 0; round < most_rounds; ++round) {
      read_lines();
      std::vector<std::int64_t> chosen;
      for (auto& entry : gates_) choose(entry.second, budget, chosen);
      if (!chosen.empty()) budget -= let_in(chosen);
      if (budget == 0) break;
      if (std::ranges::none_of(gates_, [](const auto& entry) { return entry.second.may_read_on(); })) return;
    }
    done_.more = true;
  }

  /// Returns how many.
  std::size_t let_in(const std::vector<std::int64_t>& chosen) {
    const std::vector<std::int64_t> said = operations_.let_in(w_, chosen);
    const std::set<std::int64_t> admitted(said.begin(), said.end());
    std::map<std::int64_t, Seen> others;
    if (admitted.size() < chosen.size()) others = look_at({chosen.begin(), chosen.end()}, admitted);
    for (auto& entry : gates_) settle(entry.second, admitted, others);
    done_.let_in += admitted.size();
    return admitted.size();
  }

  /// Those jobs of lines that may be next.
  void read_lines() {
    std::map<std::int64_t, Gate*> heads;
    for (auto& entry : gates_) {
      Gate* const gate = &entry.second;
      if (!gate->may_read_on()) continue;
      if (gate->left == 1 && gate->line_known == 0) {
        heads.emplace(*gate->head, gate);
      } else {
        read_line(*gate);
      }
    }
    if (heads.empty()) return;
    std::vector<std::int64_t> seqs;
    for (const auto& head : heads) seqs.push_back(head.first);
    s().execute(q_.states, {{"seqs", std::string_view(json_array(seqs))}}, [&](const Row& row) {
      Fields f(row);
      const Seen seen = read_seen(f);
      if (const auto at = heads.find(seen.seq); at != heads.end()) add_to_line(*at->second, seen);
    });
    for (const auto& head : heads) head.second->line_known = 1;
  }

  void read_line(Gate& gate) {
    const std::size_t n = gate.line_known + std::min(gate.left, most_let_in) + spare;
    const std::size_t found =
        s().execute(q_.line,
                    {{"queue", gate.name.queue},
                     {"key", std::string_view(gate.name.key)},
                     {"n", static_cast<std::int64_t>(n)}},
                    [&](const Row& row) {
                      Fields f(row);
                      add_to_line(gate, read_seen(f));
                    });
    gate.line_ends = found < n;
    gate.line_known = found;
  }

  void add_to_line(Gate& gate, const Seen& seen) {
    if (!gate.of_its_line.insert(seen.seq).second) return;
    Member member{.seen = seen, .stage = Stage::line, .claims = seen.claims};
    sort_out(gate, member);
    gate.waiting.push_back(std::move(member));
  }

  void choose(Gate& gate, std::size_t budget, std::vector<std::int64_t>& chosen) {
    const std::size_t room = std::min(gate.left, budget - chosen.size());
    if (gate.left == 0) return;
    std::vector<core::WaitingJob> line;
    for (const Member& member : gate.waiting) {
      if (!member.seen.waits() || member.let_in || member.passed) continue;
      const core::WaitingJob job = member.seen.in_line();
      if (member.stage == Stage::line || core::in_line(gate.limits, job, now_)) line.push_back(job);
    }
    done_.more = done_.more || (room < gate.left && room < line.size());
    const auto seqs = core::choose(gate.limits, line, room, now_);
    chosen.insert(chosen.end(), seqs.begin(), seqs.end());
  }

  /// Of those that were to be let in and were not.
  std::map<std::int64_t, Seen> look_at(const std::set<std::int64_t>& wanted,
                                       const std::set<std::int64_t>& admitted) const {
    std::vector<std::int64_t> seqs;
    std::ranges::set_difference(wanted, admitted, std::back_inserter(seqs));
    std::map<std::int64_t, Seen> found;
    s().execute(q_.states, {{"seqs", std::string_view(json_array(seqs))}}, [&](const Row& row) {
      Fields f(row);
      const Seen seen = read_seen(f);
      found.emplace(seen.seq, seen);
    });
    return found;
  }

  void settle(Gate& gate, const std::set<std::int64_t>& admitted, const std::map<std::int64_t, Seen>& others) {
    for (Member& member : gate.waiting) {
      if (member.let_in) continue;
      if (admitted.contains(member.seen.seq)) {
        member.let_in = true;
        gate.any_inside = true;
        gate.room.state.let_in = now_;
        gate.left -= std::min<std::size_t>(gate.left, 1);
        put(member, Stage::inside, let_in_now);
      } else if (const auto other = others.find(member.seen.seq); other != others.end()) {
        member.seen = other->second;
        sort_out(gate, member);
        member.passed = true;
        if (!member.seen.waits()) continue;
        gate.locked = true;
        if (gate.limits.order == KeyOrder::strict) gate.left = 0;  // nobody overtakes it
      }
    }
  }

  // ---------------------------------------------------------------------------------------------- what is written

  void write() {
    JsonRows gates;
    std::vector<GateKey> idle;
    for (auto& [name, gate] : gates_) {
      line_up(gate);
      const auto look = when_again(gate);
      const core::GateState& state = gate.room.state;
      if (!look && state.shut_until <= now_) idle.push_back(name);
      gates.add({digits(name.queue), json_string(name.key), digits(us(state.next_start)), digits(us(state.shut_until)),
                 digits(us(state.let_in)), look ? digits(us(*look)) : "null"});
    }
    // Whoever puts a job elsewhere holds its row: none of those that were let in can be elsewhere.
    if (!admitted_.empty() &&
        s().execute(q_.gated_set, {{"rows", std::string_view(admitted_.text())}}) != admitted_.size()) {
      throw Error(Errc::retry_transaction, "somebody else moves jobs that were let in: try again");
    }
    if (!moved_.empty()) s().execute(q_.gated_set, {{"rows", std::string_view(moved_.text())}});
    if (!dropped_.empty()) s().execute(q_.gated_drop, {{"rows", std::string_view(dropped_.text())}});
    s().execute(q_.set, {{"rows", std::string_view(gates.text())}});
    if (!idle.empty()) s().execute(q_.drop, {{"gates", std::string_view(names_of(idle))}});
  }

  /// Those that have come or returned and were not let in.
  void line_up(const Gate& gate) {
    for (const Member& member : gate.waiting) {
      if (member.let_in || member.stage == Stage::line || !member.seen.waits()) continue;
      const core::WaitingJob job = member.seen.in_line();
      if (core::in_line(gate.limits, job, now_)) {
        put(member, Stage::line, core::rank(gate.limits, job));
      } else {
        put(member, Stage::later, {.second = us(job.due)});
      }
    }
  }

  std::optional<TimePoint> when_again(const Gate& gate) const {
    bool in_line = !gate.line_ends;
    std::optional<core::WaitingJob> first;
    for (const Member& member : gate.waiting) {
      if (member.let_in || !member.seen.waits()) continue;
      const core::WaitingJob job = member.seen.in_line();
      if (member.stage != Stage::line && !core::in_line(gate.limits, job, now_)) continue;
      in_line = true;
      const auto place = [&](const core::WaitingJob& j) { return std::pair(core::rank(gate.limits, j), j.seq); };
      if (!first || place(job) < place(*first)) first = job;
    }
    const bool inside = gate.any_inside || !gate.inside.empty();
    auto again = core::look_again(gate.room, inside, in_line, first ? std::optional(first->due) : std::nullopt, now_);
    if (gate.locked) again = std::min(again.value_or(TimePoint::max()), now_ + locked_pause);
    return again;
  }

  /// Gates that others have locked are no reason to look again at once.
  std::optional<TimePoint> next() {
    std::optional<TimePoint> at;
    s().execute(q_.next, {}, [&](const Row& row) {
      if (!row.null(0)) at = wall(row.integer(0));
      if (now_ == TimePoint{}) now_ = w_.wall() ? wall(*w_.wall()) : wall(row.integer(1));
    });
    done_.now = now_;
    if (at && *at <= now_ && !done_.more) at = now_ + beside_others;
    return at;
  }

  const GateStatements& q_;
  Operations& operations_;
  Work& w_;
  std::set<GateKey> named_{};  // of queues that are there
  GatesLooked done_{};
  TimePoint now_{};
  std::map<GateKey, Gate> gates_{};
  JsonRows admitted_{};
  JsonRows moved_{};
  JsonRows dropped_{};
};

}  // namespace

GatesLooked look_at_gates(const GateStatements& statements, Operations& operations, Work& work,
                          std::span<const GateName> named, std::size_t limit) {
  return Look(statements, operations, work)(named, limit);
}

}  // namespace sqlq::sql
