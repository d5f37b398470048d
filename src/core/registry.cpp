#include <algorithm>
#include <map>
#include <utility>

#include <sqlq/backend/register.hpp>
#include <sqlq/error.hpp>

#include "core/mutex.hpp"
#include "core/text.hpp"

namespace sqlq::backend {

namespace {

struct Registered {
  Factory factory;
  std::string form;  // an example of a URL; may be empty
};

struct Registry {
  core::Mutex mutex;
  std::map<std::string, Registered, std::less<>> entries SQLQ_GUARDED_BY(mutex);
};

Registry& registry() {
  static Registry& instance = *new Registry;  // never destroyed: CONTRIBUTING.md
  return instance;
}

bool valid_scheme(std::string_view scheme) noexcept {
  if (scheme.empty() || scheme.front() < 'a' || scheme.front() > 'z') return false;
  return scheme.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789+-.") == std::string_view::npos;
}

Factory find_factory(const std::string& scheme) {
  Registry& known = registry();
  const core::MutexLock lock(known.mutex);
  const auto found = known.entries.find(scheme);
  return found == known.entries.end() ? Factory{} : found->second.factory;
}

/// "x:, y://host/name", each form once; empty when nothing is registered.
std::string known_forms() {
  Registry& known = registry();
  const core::MutexLock lock(known.mutex);
  std::vector<std::string> forms;
  for (const auto& [scheme, entry] : known.entries) {
    std::string form = entry.form.empty() ? scheme + ":" : entry.form;
    if (std::ranges::find(forms, form) == forms.end()) forms.push_back(std::move(form));
  }
  return core::joined(forms, ", ");
}

constexpr std::string_view nothing_known = "no backend is built in or registered: call backend::register_backend";

std::string no_scheme() {
  const std::string forms = known_forms();
  return "the connection string must begin with the scheme of a backend; " +
         (forms.empty() ? std::string(nothing_known) : "this program knows: " + forms);
}

std::string unknown_scheme(const std::string& scheme) {
  std::string message = "no backend opens '" + scheme + ":' URLs; ";
  const std::string forms = known_forms();
  if (forms.empty()) return message + std::string(nothing_known);
  return message + "known: " + forms +
         ". A backend of sqlq itself that is missing here was left out when sqlq was built (its client library was not "
         "found, see the summary of cmake) or is not among the COMPONENTS of find_package(sqlq)";
}

Error may_wait(const Error& error) {
  return Error(error.code(),
               std::string(error.what()) + "; the URL option wait=30s waits for a database that is about to start",
               error.backend(), error.native_code(), error.statement());
}

Error after_waiting(const Error& error, Duration wait) {
  const auto ms = std::to_string(wait / std::chrono::milliseconds(1));
  return Error(error.code(), std::string(error.what()) + "; waited " + ms + " ms for it (URL option 'wait')",
               error.backend(), error.native_code(), error.statement());
}

/// The database may be about to start; an error that waiting does not mend is thrown at once.
std::unique_ptr<Dialect> connect(const Factory& factory, const Url& url, const std::shared_ptr<Clock>& clock) {
  const Duration wait = url.wait();
  const SteadyPoint until = saturating_add(clock->steady(), wait);
  const auto signal = clock->make_signal();
  Duration pause = std::chrono::milliseconds(100);
  while (true) {
    try {
      return factory(url, clock);
    } catch (const Error& e) {
      const SteadyPoint now = clock->steady();
      if (e.code() == Errc::connection && wait == Duration(0)) throw may_wait(e);
      if (!e.retryable() || wait == Duration(0)) throw;
      if (now >= until) throw after_waiting(e, wait);
      signal->wait_until(std::min(until, saturating_add(now, pause)));
      pause = std::min<Duration>(pause * 2, std::chrono::seconds(1));
    }
  }
}

void check(const std::string& scheme, const Factory& factory) {
  if (!valid_scheme(scheme)) {
    throw Error(Errc::invalid_argument,
                "a backend's scheme has lower-case letters, digits, '+', '-' and '.', and begins with a letter");
  }
  if (!factory) throw Error(Errc::invalid_argument, "the backend '" + scheme + "' was registered without a factory");
}

}  // namespace

void register_builtin(std::string scheme, Factory factory, std::string form) {
  check(scheme, factory);
  Registry& known = registry();
  const core::MutexLock lock(known.mutex);
  known.entries.try_emplace(std::move(scheme), Registered{std::move(factory), std::move(form)});
}

void register_backend(std::string scheme, Factory factory, std::string form) {
  check(scheme, factory);
  Registry& known = registry();
  const core::MutexLock lock(known.mutex);
  known.entries.insert_or_assign(std::move(scheme), Registered{std::move(factory), std::move(form)});
}

std::vector<std::string> registered_schemes() {
  Registry& known = registry();
  const core::MutexLock lock(known.mutex);
  std::vector<std::string> schemes;
  schemes.reserve(known.entries.size());
  for (const auto& entry : known.entries) schemes.push_back(entry.first);
  return schemes;
}

Database open(std::string_view url, DatabaseOptions options) {
  if (!Url::has_scheme(url)) throw Error(Errc::invalid_argument, no_scheme());
  const Url parsed = Url::parse(url);
  const Factory factory = find_factory(parsed.scheme());
  if (!factory) throw Error(Errc::invalid_argument, unknown_scheme(parsed.scheme()));
  if (!options.clock) options.clock = system_clock();
  std::unique_ptr<Dialect> dialect = connect(factory, parsed, options.clock);
  return Database(std::move(dialect), std::move(options));
}

}  // namespace sqlq::backend
