// The files as a crash of the machine leaves them, at every sync: the database is whole, and with synchronous=full
// nothing that was acknowledged is gone. Directory entries are taken to be durable.

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <random>

#include <sqlq/backend/register.hpp>
#include <sqlq/client.hpp>
#include <sqlq/sqlite.hpp>

#include "backends/sqlite_recorder.hpp"
#include "backends/sqlite_scratch.hpp"

namespace sqlq::sqlite {
namespace {

constexpr int success = 3;
constexpr std::size_t batch = 5;

class SqliteCrash : public Scratch {
 protected:
  SqliteCrash() { backend::register_backend("sqlite", factory()); }

  /// What the library has said to be done, and how many steps had been recorded then.
  struct Promise {
    std::size_t step = 0;
    JobId id{};
    bool finished = false;
  };

  /// Jobs come, are run and finished, in databases that are opened and closed: each close copies the log into the file,
  /// and the next writer begins the log anew.
  void work(const std::string& options) {
    const Recorder recorder;
    for (int session = 0; session < 4; ++session) {
      const Database db = backend::open(url(options));
      db.migrate();
      Client client(db);
      const auto promise = [&](JobId id, bool finished) { promises_.push_back({recorder.size(), id, finished}); };
      for (int i = 0; i < 4; ++i) {
        for (const Enqueued& made : client.enqueue_many(std::vector<NewJob>(batch, {.kind = "k", .params = params_}))) {
          promise(made.id, false);
        }
        for (const Job& job : client.claim({}, {}, 3)) {
          EXPECT_EQ(client.success(job), FinishStatus::applied);
          promise(job.id, true);
        }
      }
    }
    steps_ = recorder.steps();
  }

  /// Writes the files of a crash and looks at them; says how many promises are broken.
  std::size_t broken_after(std::size_t n, const std::function<bool()>& survives) {
    for (const char* part : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(path("image.db") + part);
    for (const auto& [name, content] : after_crash(steps_, n, survives)) {
      std::ofstream(path("image.db") + name.substr(path().size()), std::ios::binary) << content;
    }
    const Native image(path("image.db"));
    image.exec("PRAGMA synchronous = OFF");  // nobody needs the image to last
    EXPECT_EQ(image.query("PRAGMA integrity_check"), std::vector<std::string>{"ok"}) << "after step " << n;
    std::map<std::string, int> states;
    const bool migrated = !image.query("SELECT 1 FROM sqlite_schema WHERE name = 'sqlq_jobs'").empty();
    if (migrated) {
      const auto rows = image.query("SELECT id, state FROM sqlq_jobs");
      for (std::size_t i = 0; i < rows.size(); i += 2) states[rows[i]] = std::stoi(rows[i + 1]);
      EXPECT_EQ(states.size() % batch, 0u) << "a part of an enqueue after step " << n;
    }
    std::size_t broken = 0;
    for (const Promise& p : promises_) {
      if (p.step > n) break;
      const auto state = states.find(p.id.to_string());
      if (state == states.end() || (p.finished && state->second != success)) ++broken;
    }
    return broken;
  }

  /// At every sync: just before it, with nothing, all and some of what was not synced; and just after it.
  std::size_t broken_anywhere() {
    std::mt19937 random(7);
    std::size_t broken = 0;
    for (std::size_t i = 0; i < steps_.size(); ++i) {
      if (steps_[i].kind != Recorder::Step::Kind::sync) continue;
      broken += broken_after(i, [] { return false; });
      broken += broken_after(i, [] { return true; });
      for (int round = 0; round < 3; ++round) broken += broken_after(i, [&] { return random() % 2 == 0; });
      broken += broken_after(i + 1, [&] { return random() % 2 == 0; });
      crashes_ += 6;
    }
    broken += broken_after(steps_.size(), [] { return false; });
    RecordProperty("crashes", std::to_string(++crashes_));
    return broken;
  }

  std::size_t crashes_ = 0;
  std::vector<Promise> promises_;

 private:
  const std::string params_ = '"' + std::string(3000, 'x') + '"';
  std::vector<Recorder::Step> steps_;
};

TEST_F(SqliteCrash, NothingAcknowledgedIsGone) {
  work("?synchronous=full");
  EXPECT_EQ(broken_anywhere(), 0u);
  EXPECT_GT(crashes_, 200u);
  EXPECT_EQ(promises_.size(), 4u * 4 * (batch + 3));
}

TEST_F(SqliteCrash, WithSynchronousNormalTheLastCommitsMayBeGoneAndTheFileIsWhole) {
  work("?synchronous=normal");
  EXPECT_GT(broken_anywhere(), 0u) << "then this test would not notice a loss either";
}

}  // namespace
}  // namespace sqlq::sqlite
