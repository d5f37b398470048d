#pragma once
/// \file
/// The backends' dialects with a doom between them and their database; each is there when its backend is built.

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "doom/doom.hpp"

namespace sqlq::doom {

[[nodiscard]] std::unique_ptr<backend::Dialect> sqlite_dialect(const backend::Url& url, Doom& doom);
[[nodiscard]] std::unique_ptr<backend::Dialect> postgres_dialect(const backend::Url& url, Doom& doom);
[[nodiscard]] std::unique_ptr<backend::Dialect> mysql_dialect(const backend::Url& url, Doom& doom);

}  // namespace sqlq::doom
