// Four ways to read an envelope: by the template, by the general path, and as rapidjson reads it, as a document and by
// its events.
//
// Of a reader: one thread. What was read last stays in it, so that a compiler must do the work.
// Use: TemplateReader read; if (!read(body)) give_up("not an envelope");
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/reader.h>

#include <array>
#include <cstddef>
#include <string_view>

#include "protocol/envelope.hpp"

namespace distflow::bench {

class TemplateReader {
 public:
  bool operator()(std::string_view body) { return protocol::decode_template(body, envelope_); }

 private:
  protocol::Envelope envelope_;
};

class GeneralReader {
 public:
  bool operator()(std::string_view body) { return protocol::decode_general(body, envelope_, scratch_); }

 private:
  protocol::Envelope envelope_;
  protocol::EnvelopeScratch scratch_;
};

/// With memory that is given once and used again for each document.
class DocumentReader {
 public:
  bool operator()(std::string_view body) {
    using Allocator = rapidjson::MemoryPoolAllocator<>;
    Allocator value_allocator(values_.data(), values_.size());
    Allocator stack_allocator(stack_.data(), stack_.size());
    rapidjson::GenericDocument<rapidjson::UTF8<>, Allocator, Allocator> document(&value_allocator, stack_.size() / 2,
                                                                                 &stack_allocator);
    document.Parse(body.data(), body.size());
    return !document.HasParseError() && document.HasMember("payload");
  }

 private:
  std::array<char, 16 * 1024> values_;
  std::array<char, 4096> stack_;
};

/// Counts what it is told, so that nothing is left out.
class EventsReader {
 public:
  bool operator()(std::string_view body) {
    rapidjson::Reader reader;
    rapidjson::MemoryStream stream(body.data(), body.size());
    return !reader.Parse<rapidjson::kParseStopWhenDoneFlag>(stream, counter_).IsError();
  }

 private:
  struct Counter : rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Counter> {
    std::size_t events = 0;
    bool Default() { return ++events > 0; }
  };

  Counter counter_;
};

}  // namespace distflow::bench
