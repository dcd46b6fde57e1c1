#include "runtime/counters/prometheus.hpp"

#include <cstddef>

#include <distflow/printable.hpp>

#include "runtime/counters/number_text.hpp"

namespace distflow::runtime {
namespace {

/// As the text format asks for it: a backslash and the end of a line anywhere, a quote in a label's value.
void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\': out += "\\\\"; break;
      case '"': out += "\\\""; break;
      case '\n': out += "\\n"; break;
      default: out += c;
    }
  }
}

void append_head(std::string& out, std::string_view name, std::string_view help, std::string_view type) {
  out.append("# HELP ").append(name).append(" ").append(help);
  out.append("\n# TYPE ").append(name).append(" ").append(type).append("\n");
}

/// Nanoseconds as seconds, in all their digits.
void append_seconds(std::string& out, std::uint64_t nanoseconds) {
  constexpr std::uint64_t second = 1'000'000'000;
  append_number(out, nanoseconds / second);
  out += '.';
  std::string digits;
  append_number(digits, nanoseconds % second);
  out.append(9 - digits.size(), '0').append(digits);
}

/// What stands before the value.
void append_series(std::string& out, std::string_view name, std::string_view labels) {
  out += name;
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out += ' ';
}

/// `{...,le="`
void append_bucket(std::string& out, std::string_view name, std::string_view labels) {
  out.append(name).append("_bucket{").append(labels).append(labels.empty() ? "le=\"" : ",le=\"");
}

}  // namespace

std::string metric_name(std::string_view prefix, std::string_view name, CounterKind kind) {
  return std::string(prefix).append(name).append(kind == CounterKind::counter ? "_total" : "");
}

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (!labels.empty()) labels += ',';
  labels.append(name).append("=\"");
  // A backslash of its own is doubled first, so that no two values are written alike.
  std::string told_apart;
  for (const char c : value) told_apart.append(c == '\\' ? 2 : 1, c);
  append_escaped(labels, printable(told_apart));
  labels += '"';
}

void append_metric_head(std::string& out, std::string_view name, std::string_view help, CounterKind kind) {
  append_head(out, name, help, kind == CounterKind::counter ? "counter" : "gauge");
}

void append_sample(std::string& out, std::string_view name, std::string_view labels, std::uint64_t value) {
  append_series(out, name, labels);
  append_number(out, value);
  out += '\n';
}

void append_histogram_head(std::string& out, const LatencyRow& row) {
  append_head(out, row.metric, row.help, "histogram");
}

void append_histogram(std::string& out, std::string_view name, std::string_view labels, const Histogram& histogram) {
  constexpr unsigned first = 10, last = 36;  // 2^10 to 2^36 ns, 1.024 µs to 69 s
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (unsigned bits = first; bits <= last; bits += 2) {
    const std::uint64_t bound = std::uint64_t{1} << bits;
    for (; Histogram::least_of(bucket) < bound; ++bucket) seen += histogram.count_in(bucket);
    append_bucket(out, name, labels);
    append_seconds(out, bound);
    out += "\"} ";
    append_number(out, seen);
    out += '\n';
  }
  append_bucket(out, name, labels);
  out += "+Inf\"} ";
  append_number(out, histogram.count());
  out += '\n';
  append_series(out, std::string(name) + "_sum", labels);
  append_seconds(out, histogram.sum());
  out += '\n';
  append_series(out, std::string(name) + "_count", labels);
  append_number(out, histogram.count());
  out += '\n';
}

}  // namespace distflow::runtime
