#pragma once

#include <memory>

#include <sqlq/backend/dialect.hpp>

#include "options.hpp"

namespace sqlq::sqlite {

/// Touches the file, so that one that is no database is noticed now.
[[nodiscard]] std::unique_ptr<backend::Dialect> make_dialect(Options options, std::shared_ptr<Clock> clock);

}  // namespace sqlq::sqlite
