#include "options.hpp"

#include <system_error>

#include <sqlq/error.hpp>

#include "platform/files.hpp"

namespace sqlq::sqlite {

namespace {

/// The process may go to another folder while the database is open.
std::string absolute(const std::string& path) {
  std::error_code failed;
  std::string whole = platform::whole_name(path, failed);
  if (failed) {
    throw Error(Errc::configuration,
                "the file '" + path + "' is relative to the working directory, which cannot be found out (" +
                    failed.message() + "): go to a directory that is there, or write sqlite:///absolute/name.db",
                "sqlite", failed.value());
  }
  return whole;
}

}  // namespace

Options Options::from(const backend::Url& url) {
  url.refuse_unknown({"synchronous", "watch", "busy_timeout", "read_timeout", "readers", "wal_limit"});
  Options o;
  o.path = url.rest();
  if (o.path.empty()) {
    throw Error(Errc::invalid_argument, "the URL names no file: write sqlite:name.db, sqlite:///absolute/name.db or "
                                        "sqlite::memory:", "sqlite");
  }
  o.path = o.path == ":memory:" ? std::string() : absolute(o.path);
  using std::chrono::hours, std::chrono::milliseconds;
  o.full_sync = url.choice("synchronous", "full", {"full", "normal"}) == "full";
  o.create = url.create();
  o.watch = url.flag("watch", o.watch);
  o.busy_timeout = url.duration("busy_timeout", o.busy_timeout, milliseconds(1), hours(1));
  o.read_timeout = url.duration("read_timeout", o.read_timeout, milliseconds(1), hours(1));
  o.readers = url.integer("readers", o.readers, 1, 64);
  o.wal_limit = url.integer("wal_limit", o.wal_limit >> 20, 1, 65536) << 20;
  return o;
}

}  // namespace sqlq::sqlite
