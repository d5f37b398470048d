#pragma once
/// \file
/// The library's version. `SQLQ_VERSION` is major * 10000 + minor * 100 + patch, for `#if`.

/// Grows when programs must be changed.
#define SQLQ_VERSION_MAJOR 0
/// Grows when something is added; before 1.0 also when programs must be changed.
#define SQLQ_VERSION_MINOR 1
/// Grows when something is mended.
#define SQLQ_VERSION_PATCH 0
/// One number, for comparing: 100 is 0.1.0.
#define SQLQ_VERSION (SQLQ_VERSION_MAJOR * 10000 + SQLQ_VERSION_MINOR * 100 + SQLQ_VERSION_PATCH)
/// "major.minor.patch".
#define SQLQ_VERSION_STRING "0.1.0"
