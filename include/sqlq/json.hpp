#pragma once
/// \file
/// The codec for everything nlohmann::json converts: types with to_json/from_json or one of its macros, standard
/// containers, and nlohmann::json itself; with json_types.hpp also std::optional and std::chrono members. Opt-in by
/// `#include`; the umbrella <sqlq/sqlq.hpp> includes it.
///
/// A job without parameters needs no conversion: a struct that has a kind and no members is stored as {}.

#include <cmath>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include <nlohmann/json.hpp>

#include <sqlq/args.hpp>
#include <sqlq/enqueue.hpp>
#include <sqlq/error.hpp>
#include <sqlq/json_types.hpp>

namespace sqlq {

template <class T>
concept JsonConvertible = requires(const T& value, const nlohmann::json& json) {
  nlohmann::json(value);
  { json.template get<T>() } -> std::same_as<T>;
};

/// A job without parameters.
template <class T>
concept WithoutMembers = std::is_class_v<T> && std::is_empty_v<T> && std::is_default_constructible_v<T> && Named<T>;

/// What is stored is {}, so that members with defaults can be added later; what is read is not looked at, so that
/// members can be taken away.
template <class T>
  requires(WithoutMembers<T> && !JsonConvertible<T>)
struct codec<T> {
  static std::string encode(const T&) { return "{}"; }
  static T decode(std::string_view) { return T{}; }
};

namespace detail {

inline void refuse_not_finite(const nlohmann::json& json, const nlohmann::json::json_pointer& at) {
  if (json.is_number_float() && !std::isfinite(json.get<double>())) {
    throw Error(Errc::invalid_argument, "the value cannot be written as JSON: the number at '" + at.to_string() +
                                            "' is NaN or infinite");
  }
  if (json.is_object()) {
    for (const auto& [key, member] : json.items()) refuse_not_finite(member, at / key);
  } else if (json.is_array()) {
    for (std::size_t i = 0; i < json.size(); ++i) refuse_not_finite(json[i], at / i);
  }
}

}  // namespace detail

template <JsonConvertible T>
struct codec<T> {
  /// Throws Error(invalid_argument) when a string in the value is not UTF-8 or a number is not finite (JSON has no NaN;
  /// the message names the member by its JSON pointer).
  static std::string encode(const T& value) {
    try {
      const nlohmann::json json(value);
      std::string text = json.dump();
      // What is not finite was written as null.
      if (text.find("null") != std::string::npos) detail::refuse_not_finite(json, nlohmann::json::json_pointer());
      return text;
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
