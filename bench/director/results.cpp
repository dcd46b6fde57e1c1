#include "bench/director/results.hpp"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <cmath>
#include <cstdint>
#include <string_view>

namespace distflow::bench {
namespace {

/// Writes values with their members' names.
class Json {
 public:
  Json() {
    writer_.SetIndent(' ', 1);
    writer_.SetFormatOptions(rapidjson::kFormatSingleLineArray);
  }

  void key(std::string_view name) { writer_.Key(name.data(), static_cast<rapidjson::SizeType>(name.size())); }
  void value(std::string_view text) { writer_.String(text.data(), static_cast<rapidjson::SizeType>(text.size())); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(bool flag) { writer_.Bool(flag); }
  void value(double number) {
    if (std::isfinite(number)) {
      writer_.Double(number);
    } else {
      writer_.Null();
    }
  }
  void value(std::uint64_t number) { writer_.Uint64(number); }
  void value(unsigned number) { writer_.Uint(number); }
  void value(const std::optional<double>& number) {
    if (number) {
      value(*number);
    } else {
      writer_.Null();
    }
  }
  template <class X, class Y>
  void value(const std::pair<X, Y>& point) {
    writer_.StartArray();
    value(point.first);
    value(point.second);
    writer_.EndArray();
  }
  template <class T>
  void value(const std::vector<T>& values) {
    writer_.StartArray();
    for (const T& each : values) value(each);
    writer_.EndArray();
  }

  template <class T>
  void member(std::string_view name, const T& of_name) {
    key(name);
    value(of_name);
  }

  void begin_object() { writer_.StartObject(); }
  void end_object() { writer_.EndObject(); }

  template <class T, class Write>
  void objects(std::string_view name, const std::vector<T>& all, Write write) {
    key(name);
    writer_.StartArray();
    for (const T& each : all) {
      begin_object();
      write(each);
      end_object();
    }
    writer_.EndArray();
  }

  [[nodiscard]] std::string text() const { return buffer_.GetString(); }

 private:
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::throughput: return "throughput";
    case Kind::latency: return "latency";
    case Kind::growth: return "growth";
  }
  return "";
}

void write_estimate(Json& json, const Estimate& estimate) {
  json.member("median", estimate.median);
  json.member("low", estimate.low);
  json.member("high", estimate.high);
}

void write_latency(Json& json, const Histogram& latency) {
  json.key("latency");
  json.begin_object();
  json.member("count", latency.count());
  json.member("p50", latency.percentile(50));
  json.member("p90", latency.percentile(90));
  json.member("p99", latency.percentile(99));
  json.member("p99.9", latency.percentile(99.9));
  json.member("p99.99", latency.percentile(99.99));
  json.member("max", latency.max());
  json.member("mean", latency.mean());
  json.member("curve", latency.curve());
  json.end_object();
}

void write_entry(Json& json, const Entry& entry) {
  json.member("name", entry.name);
  json.member("values", entry.values);
  if (const auto estimate = estimate_median(entry.values)) write_estimate(json, *estimate);
  json.member("cpu_ns", entry.cpu_ns);
  json.member("lost", entry.lost);
  if (entry.latency.count() > 0) write_latency(json, entry.latency);
}

void write_growth(Json& json, const Growth& growth) {
  json.member("name", growth.name);
  json.member("points", growth.points);
  json.member("memory", growth.memory);
}

void write_ratio(Json& json, const Ratio& ratio) {
  json.member("of", ratio.of);
  json.member("to", ratio.to);
  write_estimate(json, ratio.estimate);
  if (!ratio.target) return;
  json.member("target", ratio.target->value);
  json.member("sense", ratio.target->better == Better::higher ? "at least" : "at most");
  json.member("met", ratio.target->is_met(ratio.estimate.median));
}

void write_row(Json& json, const Row& row) {
  json.member("name", row.name);
  json.member("kind", name_of(row.kind));
  json.member("unit", row.unit);
  json.member("better", row.better == Better::higher ? "higher" : "lower");
  if (row.payload > 0) json.member("payload", row.payload);
  if (row.kind == Kind::growth) {
    json.member("x_name", row.x_name);
    json.objects("entries", row.growth, [&](const Growth& growth) { write_growth(json, growth); });
  } else {
    json.objects("entries", row.entries, [&](const Entry& entry) { write_entry(json, entry); });
  }
  json.objects("ratios", row.ratios, [&](const Ratio& ratio) { write_ratio(json, ratio); });
}

}  // namespace

std::string to_json(const Results& results) {
  Json json;
  json.begin_object();
  json.member("format", "distflow-bench 1");
  json.member("command", results.circumstances.command);
  json.member("date", results.circumstances.date);
  json.member("commit", results.circumstances.commit);
  json.member("kernel", results.circumstances.kernel);
  json.member("cpu", results.circumstances.cpu);
  json.member("cores", results.circumstances.cores);
  json.member("load_before", results.circumstances.load_before);
  json.member("load_while", results.load_while);
  json.member("steal", results.steal);
  json.key("host");
  json.begin_object();
  json.member("system_call_ns", results.circumstances.host.system_call_ns);
  json.member("wake_up_ns", results.circumstances.host.wake_up_ns);
  json.member("cache_line_ns", results.circumstances.host.cache_line_ns);
  json.end_object();
  json.key("settings");
  json.begin_object();
  json.member("pairs", static_cast<std::uint64_t>(results.settings.pairs));
  json.member("block_s", results.settings.block_s);
  json.member("pin", results.settings.pins);
  json.member("congestion", results.settings.congestion);
  json.end_object();
  json.objects("rows", results.rows, [&](const Row& row) { write_row(json, row); });
  json.end_object();
  return json.text() + '\n';
}

}  // namespace distflow::bench
