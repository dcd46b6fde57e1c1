// Holds JSON to a schema of docs/schemas, whose folder is DISTFLOW_SCHEMAS.
//
// Use: EXPECT_EQ(complaint("nodes.v1", json), "");
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace distflow::test {

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string pointer_of(const rapidjson::Pointer& pointer) {
  rapidjson::StringBuffer text;
  pointer.Stringify(text);
  return text.GetString();
}

/// What is wrong with `json` by that schema; empty when nothing is.
inline std::string complaint(const std::string& schema_name, const std::string& json) {
  rapidjson::Document schema;
  schema.Parse(text_of(std::filesystem::path(DISTFLOW_SCHEMAS) / (schema_name + ".json")).c_str());
  if (schema.HasParseError()) return schema_name + " is no JSON";
  rapidjson::Document value;
  value.Parse(json.c_str());
  if (value.HasParseError()) return "no JSON: " + json;
  const rapidjson::SchemaDocument document(schema);
  rapidjson::SchemaValidator validator(document);
  if (value.Accept(validator)) return {};
  return schema_name + ": " + pointer_of(validator.GetInvalidDocumentPointer()) + " breaks '" +
         validator.GetInvalidSchemaKeyword() + "' in " + json;
}

}  // namespace distflow::test
