#pragma once
/// \file
/// The table at the end of a run: capabilities of each backend tested, and the tests that did not apply.

#include <string>

#include <sqlq/backend/capabilities.hpp>

namespace sqlq::conformance {

/// Notes what a backend declares. The first call makes the table be printed when all tests have run.
void report_capabilities(const std::string& candidate, const std::string& description,
                         const backend::Capabilities& capabilities);

}  // namespace sqlq::conformance
