#include "core/headers.hpp"

#include <nlohmann/json.hpp>

namespace sqlq::core {

using nlohmann::json;

std::string headers_text(const Headers& headers) { return headers.empty() ? std::string{} : json(headers).dump(); }

Headers read_headers(std::string_view text) {
  Headers headers;
  if (text.empty()) return headers;
  const json object = json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object()) return headers;
  for (const auto& [name, value] : object.items()) {
    if (value.is_string()) headers.emplace(name, value.get_ref<const std::string&>());
  }
  return headers;
}

}  // namespace sqlq::core
