#include "sql/gates.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>
#include <sqlq/limits.hpp>

#include "core/gate.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sql {
namespace {

using backend::GateName;
using backend::GateRow;
using backend::GatesLooked;
using backend::Now;

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
constexpr std::int64_t held_for_good = std::numeric_limits<std::int64_t>::max();
/// Pauses are no longer, so that the sum with a time is one.
constexpr Duration longest_pause = std::chrono::hours(24 * 366 * 200);
/// Of the jobs inside so many are named.
constexpr std::int64_t most_jobs = 10;

/// Where those inside stand: those whose start since they were let in was counted, and the others.
constexpr core::Rank let_in_now{.first = 0, .second = 0};
constexpr core::Rank counted_start{.first = 1, .second = 0};

enum class Stage : std::uint8_t { inside = 0, line = 1, later = 2 };

/// Rows of a JSON array.
class JsonRows {
 public:
  void add(std::initializer_list<std::string_view> fields) {
    text_ += text_.empty() ? "[[" : ",[";
    bool first = true;
    for (const std::string_view field : fields) {
      if (!std::exchange(first, false)) text_ += ',';
      text_ += field;
    }
    text_ += ']';
    ++size_;
  }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string text() const { return text_.empty() ? "[]" : text_ + ']'; }

 private:
  std::string text_{};
  std::size_t size_ = 0;
};

std::string digits(std::int64_t n) { return std::to_string(n); }
std::string digits(Stage stage) { return std::to_string(static_cast<int>(stage)); }

/// The number of a queue, and a key of it.
struct GateKey {
  std::int64_t queue = 0;
  std::string key{};
  friend auto operator<=>(const GateKey&, const GateKey&) = default;
};

/// A job, as its own row says.
struct Seen {
  std::int64_t seq = 0;
  JobState state = JobState::invalid;  // it is gone
  std::int64_t claims = 0;
  TimePoint due{};
  int priority = 0;

  [[nodiscard]] bool waits() const noexcept { return state == JobState::waiting; }
  /// Somebody who knows of no gates has let it in.
  [[nodiscard]] bool is_inside() const noexcept {
    return state == JobState::pending || state == JobState::running || state == JobState::cancelling ||
           state == JobState::scheduled;
  }
  [[nodiscard]] core::WaitingJob in_line() const noexcept {
    return {.seq = seq, .priority = priority, .due = due, .returned = claims > 0};
  }
};

/// Columns: seq, state?, claims?, due?, priority?
Seen read_seen(Fields& f) {
  Seen seen{.seq = f.integer()};
  if (const auto state = f.maybe_integer()) seen.state = static_cast<JobState>(*state);
  seen.claims = f.maybe_integer().value_or(0);
  seen.due = wall(f.maybe_integer().value_or(0));
  seen.priority = static_cast<int>(f.maybe_integer().value_or(0));
  return seen;
}

/// A job of a gate: where it stood, and what is known of it.
struct Member {
  Seen seen{};
  Stage stage = Stage::line;
  bool counted = false;        // its start, since it was let in
  std::int64_t claims = 0;     // that were counted
  TimePoint started_at{};
  bool let_in = false;
  bool passed = false;  // somebody has locked it

  [[nodiscard]] bool started() const noexcept { return seen.claims > claims; }
};

/// A gate that is locked, and its jobs as far as they were looked at.
struct Gate {
  GateKey name{};
  KeyLimits limits{};
  core::GateState state{};
  std::optional<std::int64_t> head{};
  std::optional<std::int64_t> later{};
  std::vector<Member> inside{};
  std::vector<Member> waiting{};  // returned, come or in line: those that may be let in
  core::Room room{};
  std::size_t left = 0;        // of the room
  std::size_t line_known = 0;  // so many rows of the line were read
  std::set<std::int64_t> of_its_line{};  // these
  bool line_ends = false;      // there are no others
  bool locked = false;         // somebody has locked a job that could be let in
  bool any_let_in = false;

  [[nodiscard]] bool limited() const noexcept { return limits != KeyLimits{}; }
  [[nodiscard]] std::size_t of_line() const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(waiting, [](const Member& m) {
      return m.stage == Stage::line && m.seen.waits() && !m.let_in && !m.passed;
    }));
  }
  /// Whether others in line could be let in beside those that are known.
  [[nodiscard]] bool may_read_on() const noexcept { return left > 0 && !line_ends && of_line() < left; }
};

struct GateStatements {
  explicit GateStatements(const Catalogue& c)
      : arrived(c["gates_arrived"]),
        due(c["gates_due"]),
        named(c["gates_named"]),
        next(c["gates_next"]),
        make(c["gates_make"]),
        lock(c["gates_lock"]),
        inside(c["gates_inside"]),
        came(c["gates_came"]),
        line(c["gate_line"]),
        states(c["gated_states"]),
        gated_set(c["gated_set"]),
        gated_drop(c["gated_drop"]),
        set(c["gates_set"]),
        drop(c["gates_drop"]) {}
  const Statement& arrived;
  const Statement& due;
  const Statement& named;
  const Statement& next;
  const Statement& make;
  const Statement& lock;
  const Statement& inside;
  const Statement& came;
  const Statement& line;
  const Statement& states;
  const Statement& gated_set;
  const Statement& gated_drop;
  const Statement& set;
  const Statement& drop;
};

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
      const std::string_view own = f.text();
      const std::string_view of_all = f.maybe_text();
      gate.limits = core::read_key_limits(own.empty() ? of_all : own);
      gate.state = {.next_start = wall(f.integer()), .shut_until = wall(f.integer())};
      gate.head = f.maybe_integer();
      gate.later = f.maybe_integer();
      gate.line_ends = !gate.head;
      GateKey name = gate.name;
      gates_.emplace(std::move(name), std::move(gate));
    });
    done_.now = now_;
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
    const auto came = some([&](const Gate& gate) { return gate.later && wall(*gate.later) <= now_; });
    if (came.empty()) return;
    const std::size_t n = s().execute(
        q_.came, {{"now", w_.wall()}, {"gates", std::string_view(names_of(came))}, {"n", most_came}},
        [&](const Row& row) {
          read_member(row, Stage::later, [](Gate& gate, Member member) { gate.waiting.push_back(std::move(member)); });
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
      gate.state = gate.room.state;
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
        dropped_.add({digits(member.seen.seq), digits(Stage::inside)});
      } else if (returned(member)) {
        gate.waiting.push_back(std::move(member));
      } else {
        if (counted(member)) put(member, Stage::inside, counted_start);
        inside.push_back(std::move(member));
      }
    }
    gate.inside = std::move(inside);
    for (Member& member : gate.waiting) sort_out(member);
  }

  /// One whose row says that it waits and that does not.
  void sort_out(const Member& member) {
    if (member.seen.waits()) return;
    if (member.seen.is_inside()) {
      put(member, Stage::inside, let_in_now);
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
    sort_out(member);
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
        gate.any_let_in = true;
        gate.left -= std::min<std::size_t>(gate.left, 1);
        put(member, Stage::inside, let_in_now);
      } else if (const auto other = others.find(member.seen.seq); other != others.end()) {
        member.seen = other->second;
        sort_out(member);
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
      if (!look && gate.state.shut_until <= now_) idle.push_back(name);
      gates.add({digits(name.queue), json_string(name.key), digits(us(gate.state.next_start)),
                 digits(us(gate.state.shut_until)), look ? digits(us(*look)) : "null"});
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
    const bool inside = gate.any_let_in || !gate.inside.empty();
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

class SqlGates final : public backend::Gates {
 public:
  SqlGates(const Catalogue& c, Operations& operations, const ReadQueries& queries, Runner& runner, GatesNews news)
      : look_(c),
        settings_(c["gate_settings"]),
        set_(c["gate_set"]),
        look_all_(c["gates_look_all"]),
        shut_(c["gate_shut"]),
        open_(c["gate_open"]),
        list_(c["gate_list"]),
        get_(c["gate_get"]),
        jobs_(c["gate_jobs"]),
        before_(c["gate_before"]),
        operations_(operations),
        queries_(queries),
        runner_(runner),
        news_(std::move(news)) {}

  // Nearly always there is nothing to look at: then it is one statement.
  GatesLooked gates_look(std::span<const GateName> named, std::size_t limit, Now now) override {
    GatesLooked looked;
    if (named.empty()) {
      const auto given = runner_.wall(now);
      const auto look = [&](Session& s) {
        s.execute(look_.next, {}, [&](const Row& row) {
          looked = {.now = wall(given ? *given : row.integer(1))};
          if (!row.null(0)) looked.next = wall(row.integer(0));
        });
      };
      runner_.read(look, Statements::one);
      if (!looked.next || *looked.next > looked.now) return looked;
    }
    runner_.write(
        Task::aside, now, [&](Work& w) { looked = Look(look_, operations_, w)(named, limit); }, [] {});
    if (looked.let_in != 0) news_();
    return looked;
  }

  void gate_set(const GateName& gate, std::string_view settings, Now now) override {
    const auto change = [&](Work& w) {
      make_queue(w, gate.queue);
      w.session().execute(set_, {{"queue", std::string_view(gate.queue)},
                                 {"key", std::string_view(gate.key)},
                                 {"settings", settings},
                                 {"now", w.wall()}});
      if (!gate.key.empty()) return;
      w.session().execute(look_all_, {{"queue", std::string_view(gate.queue)}, {"now", w.wall()}});
    };
    runner_.write(Task::plain, now, change, [] {});
    news_();
  }

  void gate_shut(const GateName& gate, Duration pause, Now now) override {
    const std::string_view queue = gate.queue;
    const std::string_view key = gate.key;
    const std::optional<std::int64_t> length =
        pause >= longest_pause ? std::nullopt : std::optional<std::int64_t>(pause.count());
    const auto change = [&](Work& w) {
      if (pause <= Duration::zero()) {
        w.session().execute(open_, {{"queue", queue}, {"key", key}, {"now", w.wall()}});
        return;
      }
      make_queue(w, queue);
      w.session().execute(shut_, {{"queue", queue}, {"key", key}, {"pause", length}, {"now", w.wall()}});
    };
    runner_.write(Task::plain, now, change, [] {});
    news_();
  }

  std::string gate_settings(std::string_view queue) override {
    std::string settings;
    const auto look = [&](Session& s) {
      settings.clear();
      s.execute(settings_, {{"queue", queue}}, [&](const Row& row) { settings = row.text(0); });
    };
    runner_.read(look, Statements::one);
    return settings;
  }

  std::vector<GateRow> gate_list(std::string_view queue, std::string_view after, std::size_t limit,
                                 std::uint64_t cap) override {
    std::vector<GateRow> rows;
    const auto look = [&](Session& s) {
      rows.clear();
      std::string last(after);
      for (bool full = true; full && rows.size() < limit;) {
        const std::vector<std::string> keys = keys_after(s, queue, last, limit - rows.size());
        full = keys.size() == limit - rows.size();
        if (keys.empty()) break;
        for (const std::string& key : keys) {
          if (auto row = get(s, queue, key, cap)) rows.push_back(*std::move(row));
        }
        last = keys.back();
      }
    };
    runner_.read(look, Statements::several);
    return rows;
  }

  std::optional<GateRow> gate_get(const GateName& gate, std::uint64_t cap) override {
    std::optional<GateRow> found;
    runner_.read([&](Session& s) { found = get(s, gate.queue, gate.key, cap); }, Statements::several);
    return found;
  }

  CappedCount gate_before(JobId id, std::uint64_t cap) override {
    CappedCount count;
    const auto look = [&](Session& s) {
      const auto n = s.integer(before_, {{"id", std::string_view(id.to_string())}, {"cap", one_more(cap)}});
      count = capped(n.value_or(0), cap);
    };
    runner_.read(look, Statements::one);
    return count;
  }

 private:
  static std::int64_t one_more(std::uint64_t cap) { return static_cast<std::int64_t>(cap) + 1; }

  void make_queue(const Work& w, std::string_view name) const {
    if (!queue(w.session(), queries_, name)) queue_upsert(w.session(), queries_, name, {}, w.wall());
  }

  std::vector<std::string> keys_after(Session& s, std::string_view queue, std::string_view after,
                                      std::size_t limit) const {
    std::vector<std::string> keys;
    s.execute(list_, {{"queue", queue}, {"after", after}, {"n", static_cast<std::int64_t>(limit)}},
              [&](const Row& row) { keys.emplace_back(row.text(0)); });
    return keys;
  }

  std::optional<GateRow> get(Session& s, std::string_view queue, std::string_view key, std::uint64_t cap) const {
    std::optional<GateRow> found;
    s.execute(get_, {{"queue", queue}, {"key", key}, {"cap", one_more(cap)}}, [&](const Row& row) {
      Fields f(row);
      GateRow gate{.key = std::string(key), .settings = std::string(f.maybe_text())};
      if (const auto at = f.maybe_integer(); at && *at != 0) gate.next_start = wall(*at);
      if (const auto at = f.maybe_integer(); at && *at != 0) gate.shut_until = wall(*at);
      gate.inside = capped(f.integer(), cap);
      gate.waiting = capped(f.integer(), cap);
      found = std::move(gate);
    });
    if (!found) return std::nullopt;
    found->held = found->shut_until && us(*found->shut_until) == held_for_good;
    if (found->held) found->shut_until.reset();
    if (found->inside.value != 0) {
      s.execute(jobs_, {{"queue", queue}, {"key", key}, {"n", most_jobs}},
                [&](const Row& row) { found->jobs.push_back(read_id(row.text(0))); });
    }
    const bool anything = !found->settings.empty() || found->inside.value != 0 || found->waiting.value != 0 ||
                          found->next_start || found->shut_until || found->held;
    return anything ? std::move(found) : std::nullopt;
  }

  const GateStatements look_;
  const Statement& settings_;
  const Statement& set_;
  const Statement& look_all_;
  const Statement& shut_;
  const Statement& open_;
  const Statement& list_;
  const Statement& get_;
  const Statement& jobs_;
  const Statement& before_;
  Operations& operations_;
  const ReadQueries& queries_;
  Runner& runner_;
  const GatesNews news_;
};

void line_in(Operations& operations, Work& work, std::span<const JobId> ids) {
  if (!ids.empty()) operations.line_in(work, ids);
}

}  // namespace

std::unique_ptr<backend::Gates> make_gates(Operations& operations, const ReadQueries& queries, Runner& runner,
                                           GatesNews news) {
  return std::make_unique<SqlGates>(operations.queries(), operations, queries, runner, std::move(news));
}

std::vector<Enqueued> enqueue_in_line(Operations& operations, Work& work, std::span<const backend::EnqueueItem> items) {
  const auto has_key = [](const backend::EnqueueItem& item) { return !item.key.empty(); };
  if (std::ranges::none_of(items, has_key)) return operations.enqueue(work, items);
  work.begin();
  std::vector<Enqueued> answers = operations.enqueue(work, items);
  std::vector<JobId> stored;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (has_key(items[i]) && answers[i].inserted()) stored.push_back(items[i].id);
  }
  line_in(operations, work, stored);
  return answers;
}

std::vector<backend::StoreStatus> store_in_line(Operations& operations, Work& work, DistinctJobs jobs) {
  const auto waits = [](const backend::StoredJob* stored) {
    return !is_finished(stored->job.state) && !key_of(stored->job).empty();
  };
  if (std::ranges::none_of(jobs, waits)) return operations.store_jobs(work, jobs);
  work.begin();
  std::vector<backend::StoreStatus> answers = operations.store_jobs(work, jobs);
  std::vector<JobId> stored;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (waits(jobs[i]) && answers[i] == backend::StoreStatus::stored) stored.push_back(jobs[i]->job.id);
  }
  line_in(operations, work, stored);
  return answers;
}

void bring_in_line(Operations& operations, Work& work, std::span<const JobId> ids) {
  if (work.keyed()) line_in(operations, work, ids);
}

}  // namespace sqlq::sql
