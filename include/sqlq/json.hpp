#pragma once
/// \file
/// The codec for everything nlohmann::json converts: types with to_json/from_json or one of its macros, standard
/// containers, and nlohmann::json itself. The only public header that includes it. Opt-in by `#include`; the umbrella
/// <sqlq/sqlq.hpp> includes it.

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <sqlq/args.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>

namespace sqlq {

template <class T>
concept JsonConvertible = requires(const T& value, const nlohmann::json& json) {
  nlohmann::json(value);
  { json.template get<T>() } -> std::same_as<T>;
};

template <JsonConvertible T>
struct codec<T> {
  /// Throws Error(invalid_argument) when a string in the value is not UTF-8.
  static std::string encode(const T& value) {
    try {
      return nlohmann::json(value).dump();
    } catch (const nlohmann::json::exception&) {  // its text quotes the offending bytes: not for messages
      throw Error(Errc::invalid_argument, "the value cannot be written as JSON: a string in it is not valid UTF-8");
    }
  }
  /// Throws Error(invalid_argument) for text that is not JSON, nested too deeply, or of another shape than T.
  static T decode(std::string_view text) {
    check_json(text, PayloadLimits{.max_bytes = text.size()}, "the stored JSON");
    try {
      return nlohmann::json::parse(text).get<T>();
    } catch (const nlohmann::json::exception& e) {  // id only: the text may quote the payload
      throw Error(Errc::invalid_argument,
                  "the stored JSON has another shape than the type expects (nlohmann::json error " +
                      std::to_string(e.id) + "); use the WITH_DEFAULT macro for optional fields");
    }
  }
};

}  // namespace sqlq
