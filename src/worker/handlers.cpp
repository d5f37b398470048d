#include <sqlq/handlers.hpp>

#include <atomic>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <sqlq/error.hpp>

#include "core/checks.hpp"

namespace sqlq {

namespace {

constexpr std::size_t largest_size = 4096;  // as WorkerOptions::concurrency
constexpr Duration longest_linger = std::chrono::minutes(1);

void check_batch(const BatchOptions& how, const std::string& kind) {
  if (how.size < 1 || how.size > largest_size) {
    throw Error(Errc::invalid_argument, "BatchOptions::size of kind '" + kind + "' must be 1 to 4096");
  }
  if (how.linger < Duration(0) || how.linger > longest_linger) {
    throw Error(Errc::invalid_argument, "BatchOptions::linger of kind '" + kind + "' must be 0 to 1 min");
  }
}

}  // namespace

struct Handlers::Impl {
  std::map<std::string, Entry, std::less<>> entries;
  std::optional<Entry> any;
  std::vector<WorkHook> hooks;
  std::atomic<bool> frozen{false};

  Entry checked(const std::string& whose, Function handler, HandlerOptions options) const {
    check(whose, handler == nullptr, options);
    return {std::move(handler), std::move(options)};
  }
  void check(const std::string& whose, bool empty, const HandlerOptions& options) const {
    if (empty) throw Error(Errc::invalid_argument, "the handler of " + whose + " is empty");
    if (options.timeout < Duration(0)) {
      throw Error(Errc::invalid_argument, "HandlerOptions::timeout of " + whose + " must not be negative");
    }
    if (frozen) throw Error(Errc::misuse, "a worker has started with these handlers: register " + whose + " before");
  }
  void add(std::string kind, Entry entry) {
    const auto [at, inserted] = entries.try_emplace(std::move(kind), std::move(entry));
    if (!inserted) throw Error(Errc::misuse, "kind '" + at->first + "' is registered twice");
  }
};

Handlers::Handlers() : impl_(std::make_shared<Impl>()) {}

Handlers& Handlers::add(std::string kind, Function handler, HandlerOptions options) {
  core::check_name(kind, "the kind");
  Entry entry = impl_->checked("kind '" + kind + "'", std::move(handler), std::move(options));
  impl_->add(std::move(kind), std::move(entry));
  return *this;
}

Handlers& Handlers::add_batch(std::string kind, BatchOptions how, BatchFunction handler, HandlerOptions options) {
  core::check_name(kind, "the kind");
  check_batch(how, kind);
  impl_->check("kind '" + kind + "'", handler == nullptr, options);
  auto batch = std::make_shared<const Batch>(Batch{.run = std::move(handler), .options = how});
  impl_->add(std::move(kind), {.run = {}, .options = std::move(options), .batch = std::move(batch)});
  return *this;
}

Handlers& Handlers::add_any(Function handler, HandlerOptions options) {
  Entry entry = impl_->checked("any kind", std::move(handler), std::move(options));
  if (impl_->any) throw Error(Errc::misuse, "a handler of any kind is registered twice");
  impl_->any = std::move(entry);
  return *this;
}

Handlers& Handlers::around(WorkHook hook) {
  if (!hook) throw Error(Errc::invalid_argument, "the hook around work is empty; leave it out");
  if (impl_->frozen) {
    throw Error(Errc::misuse, "a worker has started with these handlers: put hooks around them before");
  }
  impl_->hooks.push_back(std::move(hook));
  return *this;
}

Outcome Handlers::call(const Entry& entry, JobContext& context) const {
  if (impl_->hooks.empty()) return entry.run(context);
  return Next(impl_->hooks, entry.run, context)();
}

Outcome Next::operator()() {
  if (called_) throw Error(Errc::misuse, "a hook around work has called next twice: an execution has one handler call");
  called_ = true;
  if (hooks_.empty()) return handler_(context_);
  Next inner(hooks_.subspan(1), handler_, context_);
  return hooks_.front()(context_, inner);
}

const Handlers::Entry* Handlers::find(std::string_view kind) const noexcept {
  const auto at = impl_->entries.find(kind);
  if (at != impl_->entries.end()) return &at->second;
  return impl_->any ? &*impl_->any : nullptr;
}

bool Handlers::any() const noexcept { return impl_->any.has_value(); }

std::vector<std::string> Handlers::kinds() const {
  std::vector<std::string> names;
  names.reserve(impl_->entries.size());
  for (const auto& [kind, entry] : impl_->entries) names.push_back(kind);
  return names;
}

void Handlers::freeze() const noexcept { impl_->frozen = true; }

}  // namespace sqlq
