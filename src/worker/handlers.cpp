#include <sqlq/handlers.hpp>

#include <atomic>
#include <map>

#include <sqlq/error.hpp>

#include "core/checks.hpp"

namespace sqlq {

struct Handlers::Impl {
  std::map<std::string, Entry, std::less<>> entries;
  std::atomic<bool> frozen{false};
};

Handlers::Handlers() : impl_(std::make_shared<Impl>()) {}

Handlers& Handlers::add(std::string kind, Function handler, HandlerOptions options) {
  core::check_name(kind, "the kind");
  if (!handler) throw Error(Errc::invalid_argument, "the handler of kind '" + kind + "' is empty");
  if (options.timeout < Duration(0)) {
    throw Error(Errc::invalid_argument, "HandlerOptions::timeout of kind '" + kind + "' must not be negative");
  }
  if (impl_->frozen) {
    throw Error(Errc::misuse, "a worker has started with these handlers: register kind '" + kind + "' before");
  }
  Entry entry{std::move(handler), std::move(options)};
  const auto [at, inserted] = impl_->entries.try_emplace(std::move(kind), std::move(entry));
  if (!inserted) throw Error(Errc::misuse, "kind '" + at->first + "' is registered twice");
  return *this;
}

const Handlers::Entry* Handlers::find(std::string_view kind) const noexcept {
  const auto at = impl_->entries.find(kind);
  return at == impl_->entries.end() ? nullptr : &at->second;
}

std::vector<std::string> Handlers::kinds() const {
  std::vector<std::string> names;
  names.reserve(impl_->entries.size());
  for (const auto& [kind, entry] : impl_->entries) names.push_back(kind);
  return names;
}

void Handlers::freeze() const noexcept { impl_->frozen = true; }

}  // namespace sqlq
