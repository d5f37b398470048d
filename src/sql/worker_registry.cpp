#include "sql/worker_registry.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/mutex.hpp"
#include "core/text.hpp"
#include "sql/job_row.hpp"

namespace sqlq::sql {
namespace {

using backend::Now;

constexpr std::int64_t expiry = worker_expiry.count();

// Names have no control characters, so a line each keeps them apart.
constexpr std::string_view apart = "\n";

std::vector<std::string> names_in(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const auto end = std::min(text.find(apart), text.size());
    names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return names;
}

/// Columns: name, id, host, pid, version, queues, kinds, slots, busy, started, seen, draining
WorkerInfo read_worker(Fields f) {
  WorkerInfo worker;
  worker.name = f.text();
  worker.id = f.integer();
  worker.host = f.text();
  worker.pid = f.integer();
  worker.version = f.text();
  worker.queues = names_in(f.text());
  worker.kinds = names_in(f.text());
  worker.concurrency = static_cast<std::uint32_t>(f.integer());
  worker.busy = static_cast<std::uint32_t>(f.integer());
  worker.started_at = wall(f.integer());
  worker.seen_at = wall(f.integer());
  worker.draining = f.integer() != 0;
  return worker;
}

class WorkerRegistry final : public backend::Workers {
 public:
  WorkerRegistry(const Catalogue& c, Runner& runner)
      : seen_(c["worker_seen"]),
        draining_(c["worker_draining"]),
        add_(c["worker_add"]),
        remove_(c["worker_remove"]),
        workers_(c["workers"]),
        drain_(c["workers_drain"]),
        expired_(c["workers_expired"]),
        runner_(runner) {}

  // One statement, as long as nothing has changed.
  bool announce_worker(const WorkerInfo& worker, Duration running, Now now) override {
    bool draining = worker.draining;
    write(now, [&](Session& s, std::optional<std::int64_t> at) {
      draining = worker.draining;
      if (seen(s, worker, at, draining)) return;
      if (const auto told = s.integer(draining_, {{"name", std::string_view(worker.name)}, {"id", worker.id}})) {
        draining = *told != 0;
        seen(s, worker, at, draining);
      } else {
        add(s, worker, running, at);
      }
    });
    return draining;
  }

  void withdraw_worker(std::string_view name, std::int64_t id) override {
    write({}, [&](Session& s, std::optional<std::int64_t>) { remove(s, name, id, std::nullopt); });
  }

  std::vector<WorkerInfo> list_workers(std::string_view after, std::int64_t after_id, std::size_t limit,
                                       Now now) override {
    std::vector<WorkerInfo> found;
    const auto at = runner_.wall(now);
    const auto look = [&](Session& s) {
      found.clear();
      s.execute(workers_, {{"now", at}, {"expiry", expiry}, {"after", after}, {"after_id", after_id},
                           {"n", static_cast<std::int64_t>(limit)}},
                [&](const Row& row) { found.push_back(read_worker(Fields(row))); });
    };
    runner_.read(look, Statements::one);
    return found;
  }

  bool drain_workers(std::string_view name, bool on, Now now) override {
    bool found = false;
    write(now, [&](Session& s, std::optional<std::int64_t> at) {
      found = s.execute(drain_, {{"draining", on ? 1 : 0}, {"name", name}, {"now", at}, {"expiry", expiry}}) > 0;
    });
    return found;
  }

  std::size_t expire_workers(std::size_t limit, Now now) override {
    struct Expired {
      std::string name{};
      std::int64_t id = 0;
      std::int64_t seen = 0;
    };
    std::vector<Expired> rows;
    const auto at = runner_.wall(now);
    const auto look = [&](Session& s) {
      rows.clear();
      s.execute(expired_, {{"now", at}, {"expiry", expiry}, {"n", static_cast<std::int64_t>(limit)}},
                [&](const Row& row) {
                  rows.push_back({std::string(row.text(0)), row.integer(1), row.integer(2)});
                });
    };
    runner_.read(look, Statements::one);
    for (const Expired& row : rows) {
      write({}, [&](Session& s, std::optional<std::int64_t>) { remove(s, row.name, row.id, row.seen); });
    }
    return rows.size();
  }

 private:
  template <class Change>
  void write(Now now, const Change& change) {
    const core::MutexLock lock(mutex_);
    runner_.write(Task::aside, now, [&](Work& w) { change(w.session(), w.wall()); }, [] {});
  }
  bool seen(Session& s, const WorkerInfo& worker, std::optional<std::int64_t> now, bool draining) const {
    return s.execute(seen_, {{"busy", std::int64_t{worker.busy}},
                             {"now", now},
                             {"name", std::string_view(worker.name)},
                             {"id", worker.id},
                             {"draining", draining ? 1 : 0}}) > 0;
  }
  void add(Session& s, const WorkerInfo& worker, Duration running, std::optional<std::int64_t> now) const {
    const std::string queues = core::joined(worker.queues, apart);
    const std::string kinds = core::joined(worker.kinds, apart);
    s.execute(add_, {{"name", std::string_view(worker.name)},
                     {"id", worker.id},
                     {"host", std::string_view(worker.host)},
                     {"pid", worker.pid},
                     {"version", std::string_view(worker.version)},
                     {"queues", std::string_view(queues)},
                     {"kinds", std::string_view(kinds)},
                     {"slots", std::int64_t{worker.concurrency}},
                     {"busy", std::int64_t{worker.busy}},
                     {"now", now},
                     {"running", running.count()},
                     {"draining", worker.draining ? 1 : 0}});
  }
  /// With `seen`: only if it was not announced since then.
  void remove(Session& s, std::string_view name, std::int64_t id, std::optional<std::int64_t> seen) const {
    s.execute(remove_, {{"name", name}, {"id", id}, {"seen", seen}});
  }

  const Statement& seen_;
  const Statement& draining_;
  const Statement& add_;
  const Statement& remove_;
  const Statement& workers_;
  const Statement& drain_;
  const Statement& expired_;
  Runner& runner_;
  core::Mutex mutex_;
};

}  // namespace

std::unique_ptr<backend::Workers> make_worker_registry(const Catalogue& catalogue, Runner& runner) {
  return std::make_unique<WorkerRegistry>(catalogue, runner);
}

}  // namespace sqlq::sql
