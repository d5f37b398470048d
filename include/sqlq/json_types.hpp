#pragma once
/// \file
/// JSON for members of standard types that nlohmann::json 3.11 does not convert: std::optional and std::chrono.
///
///     std::optional<T>                  null when empty, else the JSON of T
///     std::chrono::duration             its count() in the member's own unit: 5min in a `minutes` member is 5
///     std::chrono::sys_time (any unit)  its count() since 1970 UTC in the member's own unit
///
/// So changing a member's unit changes what stored jobs mean, like changing any member's type. <sqlq/json.hpp> includes
/// it; define SQLQ_NO_JSON_TYPES before the first header of sqlq, everywhere, when you have conversions of your own.

#ifndef SQLQ_NO_JSON_TYPES

#include <chrono>
#include <optional>

#include <nlohmann/json.hpp>

namespace nlohmann {

/// null when empty. A member that is missing keeps its default where the WITH_DEFAULT macro is used.
template <class T>
struct adl_serializer<std::optional<T>> {
  template <class Json>
  static void to_json(Json& json, const std::optional<T>& value) {
    if (value) {
      json = *value;
    } else {
      json = nullptr;
    }
  }
  template <class Json>
  static void from_json(const Json& json, std::optional<T>& value) {
    if (json.is_null()) {
      value.reset();
    } else {
      value = json.template get<T>();
    }
  }
};

/// A number in the unit of the member; a whole one where the unit counts in whole numbers.
template <class Rep, class Period>
struct adl_serializer<std::chrono::duration<Rep, Period>> {
  template <class Json>
  static void to_json(Json& json, const std::chrono::duration<Rep, Period>& value) {
    json = value.count();
  }
  template <class Json>
  static void from_json(const Json& json, std::chrono::duration<Rep, Period>& value) {
    value = std::chrono::duration<Rep, Period>(json.template get<Rep>());
  }
};

/// A number in the unit of the member, since 1970 UTC.
template <class Unit>
struct adl_serializer<std::chrono::sys_time<Unit>> {
  template <class Json>
  static void to_json(Json& json, const std::chrono::sys_time<Unit>& value) {
    json = value.time_since_epoch();  // by the serializer above
  }
  template <class Json>
  static void from_json(const Json& json, std::chrono::sys_time<Unit>& value) {
    value = std::chrono::sys_time<Unit>(json.template get<Unit>());
  }
};

}  // namespace nlohmann

#endif
