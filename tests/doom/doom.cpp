#include "doom/doom.hpp"

#include <signal.h>
#include <unistd.h>

#include <sstream>
#include <stdexcept>
#include <utility>

#include "doom/dialects.hpp"

namespace sqlq::doom {

Doom::Doom(const std::string& when, std::function<void(const std::string&)> last_words)
    : when_(when), last_words_(std::move(last_words)) {
  std::istringstream words(when);
  std::string side;
  words >> side >> trip_ >> left_;
  if (!words || (side != "before" && side != "after") || left_ < 1) {
    throw std::invalid_argument("'" + when + "' is no moment to die; one is \"before commit 7\"");
  }
  fault_ = {.name = "death", .effect = side == "after" ? trials::Effect::cut_late : trials::Effect::cut};
}

const trials::Fault* Doom::next(std::string_view trip) {
  const std::lock_guard lock(mutex_);
  return trip == trip_ && --left_ == 0 ? &fault_ : nullptr;
}

void Doom::come() const {
  last_words_(when_);
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

Database open(const std::string& url, Doom& doom) {
  const auto parsed = backend::Url::parse(url);
  const std::string& scheme = parsed.scheme();
#ifdef SQLQ_DOOM_SQLITE
  if (scheme == "sqlite") return Database(sqlite_dialect(parsed, doom));
#endif
#ifdef SQLQ_DOOM_POSTGRES
  if (scheme == "postgresql" || scheme == "postgres") return Database(postgres_dialect(parsed, doom));
#endif
#ifdef SQLQ_DOOM_MYSQL
  if (scheme == "mysql" || scheme == "mariadb") return Database(mysql_dialect(parsed, doom));
#endif
  throw std::runtime_error("this build knows no doom for " + scheme);
}

}  // namespace sqlq::doom
