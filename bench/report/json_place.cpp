#include "bench/report/json_place.hpp"

#include <charconv>
#include <cmath>
#include <utility>

namespace distflow::bench::report {
namespace {

std::string text_of(const rapidjson::Value& value) {
  if (value.IsString()) return {value.GetString(), value.GetStringLength()};
  if (value.IsBool()) return value.GetBool() ? "yes" : "no";
  return value.IsNull() ? "none" : "...";
}

}  // namespace

void JsonPlace::complain(const std::string& what) const {
  if (problem_->empty()) *problem_ = (path_.empty() ? "the file" : path_) + " " + what;
}

bool JsonPlace::has(const char* name) const {
  return value_ != nullptr && value_->IsObject() && value_->HasMember(name) && !(*value_)[name].IsNull();
}

JsonPlace JsonPlace::member(const char* name) const {
  JsonPlace nowhere(nullptr, path_.empty() ? name : path_ + "." + name, problem_);
  if (value_ == nullptr) return nowhere;
  if (!value_->IsObject()) {
    complain("is not an object");
    return nowhere;
  }
  const auto found = value_->FindMember(name);
  if (found == value_->MemberEnd()) {
    nowhere.complain("is missing");
    return nowhere;
  }
  return {&found->value, std::move(nowhere.path_), problem_};
}

std::string JsonPlace::text(const char* name) const {
  const JsonPlace place = member(name);
  if (place.value_ == nullptr) return {};
  if (!place.value_->IsString()) place.complain("is not a text");
  return text_of(*place.value_);
}

double JsonPlace::as_number() const {
  if (value_ == nullptr) return 0;
  double number = 0;
  if (value_->IsString()) {
    const char* const begin = value_->GetString();
    const char* const end = begin + value_->GetStringLength();
    const auto [after, error] = std::from_chars(begin, end, number);
    if (error == std::errc() && after == end && std::isfinite(number)) return number;
  }
  complain("is not a number within range");
  return 0;
}

double JsonPlace::number(const char* name) const { return member(name).as_number(); }

JsonPlace JsonPlace::object(const char* name) const {
  JsonPlace place = member(name);
  if (place.value_ != nullptr && !place.value_->IsObject()) {
    place.complain("is not an object");
    place.value_ = nullptr;
  }
  return place;
}

std::vector<JsonPlace> JsonPlace::list(const char* name) const {
  const JsonPlace place = member(name);
  std::vector<JsonPlace> elements;
  if (place.value_ == nullptr) return elements;
  if (!place.value_->IsArray()) {
    place.complain("is not an array");
    return elements;
  }
  elements.reserve(place.value_->Size());
  for (const rapidjson::Value& element : place.value_->GetArray()) {
    elements.push_back({&element, place.path_ + "[" + std::to_string(elements.size()) + "]", problem_});
  }
  return elements;
}

std::vector<std::pair<std::string, std::string>> JsonPlace::members() const {
  std::vector<std::pair<std::string, std::string>> result;
  if (value_ == nullptr || !value_->IsObject()) return result;
  for (const auto& member : value_->GetObject()) result.emplace_back(text_of(member.name), text_of(member.value));
  return result;
}

std::optional<std::pair<double, double>> JsonPlace::pair() const {
  if (value_ == nullptr) return std::nullopt;
  if (!value_->IsArray() || value_->Size() != 2) {
    complain("is not a pair");
    return std::nullopt;
  }
  if ((*value_)[1].IsNull()) return std::nullopt;
  const JsonPlace first(&(*value_)[0], path_ + "[0]", problem_);
  const JsonPlace second(&(*value_)[1], path_ + "[1]", problem_);
  return std::pair{first.as_number(), second.as_number()};
}

}  // namespace distflow::bench::report
