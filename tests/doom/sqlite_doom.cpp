#include "dialect.hpp"
#include "doom/dialects.hpp"
#include "trials/faulty_session.hpp"

namespace sqlq::doom {
namespace {

/// Nothing is reported and nothing undone: the only thing that happens here is the end.
class DoomedSession final : public sql::Session, private trials::Victim {
 public:
  DoomedSession(std::unique_ptr<sql::Session> real, Doom& doom)
      : real_(std::move(real)), doom_(doom), session_(*real_, doom, *this) {}

 protected:
  std::size_t do_execute(const sql::Statement& statement, std::initializer_list<sql::Arg> args,
                         sql::RowSink sink) override {
    return session_.execute(statement, args, sink);
  }

 private:
  void undo() override {}
  void report(const std::string&) override {}
  void cut() override { doom_.come(); }

  std::unique_ptr<sql::Session> real_;
  Doom& doom_;
  trials::FaultySession session_;
};

}  // namespace

std::unique_ptr<backend::Dialect> sqlite_dialect(const backend::Url& url, Doom& doom) {
  sqlite::Options options = sqlite::Options::from(url);
  options.around = [&doom](std::unique_ptr<sql::Session> real, sqlite3*) {
    return std::make_unique<DoomedSession>(std::move(real), doom);
  };
  return std::make_unique<sqlite::SqliteDialect>(std::move(options), system_clock());
}

}  // namespace sqlq::doom
