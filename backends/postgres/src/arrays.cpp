#include "arrays.hpp"

namespace sqlq::postgres {

void Array::add(std::string_view text) {
  std::string& out = next();
  out.reserve(out.size() + text.size() + 2);
  out += '"';
  while (!text.empty()) {
    const auto special = text.find_first_of("\"\\");
    out.append(text.substr(0, special));
    if (special == std::string_view::npos) break;
    out += '\\';
    out += text[special];
    text.remove_prefix(special + 1);
  }
  out += '"';
}

}  // namespace sqlq::postgres
