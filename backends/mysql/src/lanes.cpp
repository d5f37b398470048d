#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/error.hpp>

#include "errors.hpp"
#include "rows.hpp"
#include "server.hpp"

namespace sqlq::mysql {
namespace {

/// Makes queues and lanes, most_rows a statement. They are sorted, and each statement is a transaction of its own:
/// those who make the same ones wait in one order, and see what the others have made when they look again.
class LaneMaker {
 public:
  LaneMaker(const sql::Work& work, const Queries& q) : session_(work.session()), q_(q), wall_(work.wall()) {}

  /// Of at most most_rows queues.
  void make(std::span<const sql::LaneName> lanes) {
    lanes_ = lanes;
    names_.clear();
    for (const sql::LaneName& lane : lanes) names_.insert(lane.queue);
    look();
    fill(q_.queues_make, [this] { return queues(); });
    for (const std::string_view name : names_) {
      if (!found_.contains(name)) throw Error(Errc::schema, "a queue that was just made is not there", "mysql");
    }
    fill(q_.lanes_make, [this] { return missing_lanes(); });
  }

 private:
  struct Found {
    std::int64_t id = 0;
    std::set<std::string, std::less<>> kinds{};
  };

  void look() {
    found_.clear();
    const sql::List list{.width = 1, .values = {names_.begin(), names_.end()}};
    session_.execute(q_.lanes_named, {{"names", list}, {"now", wall_}}, [this](const sql::Row& row) {
      now_ = row.integer(0);
      if (row.null(1)) return;  // there is none
      Found& queue = found_[std::string(row.text(2))];
      queue.id = row.integer(1);
      if (!row.null(3)) queue.kinds.emplace(row.text(3));
    });
  }

  [[nodiscard]] sql::List queues() const {
    sql::List rows{.width = 3};
    for (const std::string_view name : names_) {
      if (!found_.contains(name)) rows.values.insert(rows.values.end(), {name, std::string_view(), now_});
    }
    return rows;
  }
  [[nodiscard]] sql::List missing_lanes() const {
    sql::List rows{.width = 3};
    for (const sql::LaneName& lane : lanes_) {
      const Found& queue = found_.find(lane.queue)->second;
      if (queue.kinds.contains(lane.kind)) continue;
      rows.values.insert(rows.values.end(), {queue.id, std::string_view(lane.queue), std::string_view(lane.kind)});
    }
    return rows;
  }

  /// Inserts what `missing` says, all at once; when others have made some of it meanwhile, what is still missing then,
  /// one by one. Afterwards it has looked.
  template <class Missing>
  void fill(const sql::Statement& statement, Missing missing) {
    const sql::List all = missing();
    if (all.values.empty()) return;
    const bool done = insert(statement, all);
    look();
    if (done) return;
    const sql::List rest = missing();
    for (std::size_t at = 0; at < rest.values.size(); at += rest.width) {
      const auto row = rest.values.begin() + static_cast<std::ptrdiff_t>(at);
      const sql::List one{.width = rest.width, .values = {row, row + static_cast<std::ptrdiff_t>(rest.width)}};
      insert(statement, one);
    }
    look();
  }

  /// False: one of them is there, none was inserted.
  bool insert(const sql::Statement& statement, const sql::List& rows) {
    return insert_unless_there(session_, statement, {{"rows", rows}});
  }

  sql::Session& session_;
  const Queries& q_;
  const std::optional<std::int64_t> wall_;
  std::span<const sql::LaneName> lanes_{};
  std::set<std::string_view> names_{};
  std::map<std::string, Found, std::less<>> found_{};
  std::int64_t now_ = 0;
};

}  // namespace

bool insert_unless_there(sql::Session& session, const sql::Statement& statement, std::initializer_list<sql::Arg> args) {
  try {
    session.execute(statement, args);
    return true;
  } catch (const Error& e) {
    if (e.native_code() != duplicate_entry) throw;
    return false;
  }
}

void MysqlServer::make_lanes(sql::Work& work, std::span<const sql::LaneName> lanes) {
  std::vector<sql::LaneName> sorted(lanes.begin(), lanes.end());
  std::ranges::sort(sorted);
  LaneMaker maker(work, schema_.queries);
  in_lists(std::span<const sql::LaneName>(sorted), [&](std::span<const sql::LaneName> piece) { maker.make(piece); });
}

}  // namespace sqlq::mysql
