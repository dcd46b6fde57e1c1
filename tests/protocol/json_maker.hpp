// Random JSON for tests: values of every kind, and texts that are nearly JSON.
//
// Use: JsonMaker make(random); std::string text = make.value(3);
#pragma once

#include <iterator>
#include <string>
#include <string_view>

#include "base/random.hpp"

namespace distflow::test {

class JsonMaker {
 public:
  explicit JsonMaker(base::Random& random) : random_(random) {}

  /// A value with containers nested at most `depth` deep.
  std::string value(int depth) {
    switch (random_.next() % (depth > 0 ? 6 : 4)) {
      case 0: return string();
      case 1: return number();
      case 2: return pick({"true", "false", "null", "\"\"", "{}", "[]"});
      case 3: return string();
      case 4: return container('[', ']', depth, false);
      default: return container('{', '}', depth, true);
    }
  }

  std::string string() {
    std::string text = "\"";
    for (std::uint64_t left = random_.next() % (random_.next() % 4 == 0 ? 150 : 12); left > 0; --left) {
      text += pick({"a",
                    "b",
                    "Y",
                    "_",
                    "0",
                    " ",
                    "{",
                    "}",
                    "[",
                    "]",
                    ",",
                    ":",
                    "'",
                    "\\\"",
                    "\\\\",
                    "\\n",
                    "\\u0041",
                    "\\ud83d\\ude00",
                    "\xC3\xA9",
                    "\xE2\x98\x83",
                    "\xF0\x9F\x98\x80",
                    "\x7F"});
    }
    return text + "\"";
  }

  std::string number() { return pick({"0", "-0", "7", "42", "-1.5", "1e3", "2E-2", "15000000000", "0.25", "1e400"}); }

  std::string space() { return random_.next() % 4 == 0 ? pick({" ", "\n", "\t", "\r\n"}) : ""; }

  /// `text` with a byte changed, put in, taken out, or two stretches of it swapped.
  std::string spoiled(std::string text) {
    using namespace std::string_view_literals;
    static constexpr std::string_view kBytes = "\"\\{}[],:01-.eEtn \x00\x1F\x7F\x80\xC3\xFF'_yY"sv;
    const std::size_t at = random_.next() % (text.size() + 1);
    const char byte = kBytes[random_.next() % kBytes.size()];
    switch (random_.next() % 4) {
      case 0: return text.insert(at, 1, byte);
      case 1: return text.erase(at, 1);
      case 2: return text.substr(at) + text.substr(0, at);
      default:
        if (at < text.size()) text[at] = byte;
        return text;
    }
  }

 private:
  std::string container(char open, char close, int depth, bool keys) {
    std::string text(1, open);
    for (std::uint64_t left = random_.next() % 5; left > 0; --left) {
      text += space();
      if (keys) text += string() + space() + ":" + space();
      text += value(depth - 1) + space() + (left > 1 ? "," : "");
    }
    return text + close;
  }

  std::string pick(std::initializer_list<std::string_view> choices) {
    return std::string(std::data(choices)[random_.next() % choices.size()]);
  }

  base::Random& random_;
};

}  // namespace distflow::test
