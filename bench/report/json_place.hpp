// A value in a JSON document, together with where it is, so that what is wrong with it can be said.
//
// One thread; must not outlive the document and the problem.
//
//   1. Only the first problem is kept; after it every reading gives something empty, and the reader need not ask.
//   2. Numbers are text in the document (kParseNumbersAsStringsFlag) until somebody asks for a number: what rapidjson
//      1.1.0 makes of exponents is not to be relied upon (CVE-2024-38517).
//
// Use: std::string problem; const JsonPlace root(document, problem); const double cores = root.number("cores");
#pragma once

#include <rapidjson/document.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace distflow::bench::report {

class JsonPlace {
 public:
  JsonPlace(const rapidjson::Value& value, std::string& problem) : value_(&value), problem_(&problem) {}

  // What the object here must have.
  [[nodiscard]] std::string text(const char* name) const;
  [[nodiscard]] double number(const char* name) const;
  [[nodiscard]] JsonPlace object(const char* name) const;
  [[nodiscard]] std::vector<JsonPlace> list(const char* name) const;

  /// Not null, either.
  [[nodiscard]] bool has(const char* name) const;
  /// The members of the object here, as texts.
  [[nodiscard]] std::vector<std::pair<std::string, std::string>> members() const;

  /// The array here has `[a, b]`; nothing if `b` is null.
  [[nodiscard]] std::optional<std::pair<double, double>> pair() const;

  void complain(const std::string& what) const;

 private:
  JsonPlace(const rapidjson::Value* value, std::string path, std::string* problem)
      : value_(value), path_(std::move(path)), problem_(problem) {}

  /// Complains if there is none.
  [[nodiscard]] JsonPlace member(const char* name) const;
  [[nodiscard]] double as_number() const;

  const rapidjson::Value* value_;  // null after a problem
  std::string path_;
  std::string* problem_;
};

}  // namespace distflow::bench::report
