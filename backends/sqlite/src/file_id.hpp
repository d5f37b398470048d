#pragma once
/// \file
/// Whether a path still leads to the file that was opened.

#include <string>

#include <sqlq/error.hpp>

#include "platform/files.hpp"

namespace sqlq::sqlite {

using platform::FileId;

/// Does the path lead to this file? Error(when_unknown) when the system cannot tell.
[[nodiscard]] bool leads_to(const std::string& path, const FileId& file, Errc when_unknown);

}  // namespace sqlq::sqlite
