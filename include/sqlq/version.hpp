#pragma once
/// \file
/// The library's version. `SQLQ_VERSION` is major * 10000 + minor * 100 + patch, for `#if`.

#define SQLQ_VERSION_MAJOR 0
#define SQLQ_VERSION_MINOR 1
#define SQLQ_VERSION_PATCH 0
#define SQLQ_VERSION (SQLQ_VERSION_MAJOR * 10000 + SQLQ_VERSION_MINOR * 100 + SQLQ_VERSION_PATCH)
#define SQLQ_VERSION_STRING "0.1.0"
