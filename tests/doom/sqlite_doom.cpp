#include "dialect.hpp"
#include "doom/dialects.hpp"
#include "trials/faulty_session.hpp"

namespace sqlq::doom {
namespace {

/// Nothing is reported and nothing undone: the only thing that happens here is the end.
class DoomVictim final : public trials::Victim {
 public:
  explicit DoomVictim(const Doom& doom) : doom_(doom) {}

  void undo() override {}
  void report(const std::string&) override {}
  void cut() override { doom_.come(); }

 private:
  const Doom& doom_;
};

}  // namespace

std::unique_ptr<backend::Dialect> sqlite_dialect(const backend::Url& url, Doom& doom) {
  sqlite::Options options = sqlite::Options::from(url);
  options.around = [&doom](std::unique_ptr<sql::Session> real, sqlite3*) {
    return std::make_unique<trials::VictimSession<DoomVictim>>(std::move(real), doom, doom);
  };
  return sqlite::make_dialect(std::move(options), system_clock());
}

}  // namespace sqlq::doom
