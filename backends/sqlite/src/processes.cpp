#include "processes.hpp"

#include <vector>

#include "core/mutex.hpp"
#include "platform/forks.hpp"
#include "platform/random.hpp"
#include "sql/reading.hpp"

namespace sqlq::sqlite {
namespace {

struct Self {
  platform::Process process = platform::this_process();
  std::int64_t number = process.host.empty() ? 0 : platform::random_token().value;
  unsigned forks = platform::forks();
};

/// Anew in a forked child, which is another process.
Self self() {
  static core::Mutex mutex;
  static Self& known = *new Self;  // never destroyed: CONTRIBUTING.md
  const core::MutexLock lock(mutex);
  if (known.forks != platform::forks()) known = {};
  return known;
}

}  // namespace

std::int64_t process_number() { return self().number; }

void enlist(const Context& c) {
  const Self me = self();
  if (me.number == 0) return;
  c.session.execute(c.q.processes_forget_foreign, {{"host", std::string_view(me.process.host)}});
  c.session.execute(c.q.process_add, {{"id", me.number},
                                      {"host", std::string_view(me.process.host)},
                                      {"pid", me.process.pid},
                                      {"started", me.process.started}});
}

std::string dead_processes(const Context& c) {
  const Self me = self();
  std::vector<std::int64_t> dead;
  if (me.number == 0) return "[]";
  c.session.execute(c.q.processes, {{"host", std::string_view(me.process.host)}, {"id", me.number}},
                    [&](const sql::Row& row) {
                      const platform::Process other{
                          .host = me.process.host, .pid = row.integer(1), .started = row.integer(2)};
                      if (platform::known_dead(other)) dead.push_back(row.integer(0));
                    });
  return sql::json_array(dead);
}

void forget_processes(const Context& c, const std::string& dead) {
  c.session.execute(c.q.processes_forget, {{"dead", std::string_view(dead)}});
}

}  // namespace sqlq::sqlite
