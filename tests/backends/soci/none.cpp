#include "backends/soci/user.hpp"

namespace sqlq::conformance {

std::vector<Handle> soci_handles(NativeQuestions) { return {}; }

}  // namespace sqlq::conformance
