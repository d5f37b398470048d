#pragma once
/// \file
/// How a backend becomes known: by an explicit call. No static registration (linkers drop it), no dlopen.

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sqlq/backend/dialect.hpp>
#include <sqlq/backend/url.hpp>
#include <sqlq/database.hpp>
#include <sqlq/export.hpp>

namespace sqlq::backend {

/// Connects and returns the dialect. Throws Error; refuses options it does not know (Url::refuse_unknown helps).
/// `clock` is never null and outlives the dialect.
using Factory = std::function<std::unique_ptr<Dialect>(const Url& url, std::shared_ptr<Clock> clock)>;

/// Makes `scheme:...` open through `factory`. Scheme: lower-case letters, digits, '+', '-', '.', beginning with a
/// letter. Registering a scheme again replaces its factory. `form` is an example of a whole URL, for the message that a
/// connection string without a known scheme gets. Thread-safe.
SQLQ_API void register_backend(std::string scheme, Factory factory, std::string form = {});

/// The same for a backend that is built in: what was registered under the scheme before is kept.
SQLQ_API void register_builtin(std::string scheme, Factory factory, std::string form = {});

/// The schemes known now, sorted.
[[nodiscard]] SQLQ_API std::vector<std::string> registered_schemes();

/// Opens through the registered backends only; `sqlq::open` registers the built-in ones first, then calls this.
[[nodiscard]] SQLQ_API Database open(std::string_view url, DatabaseOptions options = {});

}  // namespace sqlq::backend
