// SPDX-License-Identifier: Apache-2.0
// The text format behind exposition.h.
// Thread: one loop (a value for the length of one scrape).
#include "proxy/observe/exposition.h"

#include <array>
#include <charconv>

namespace edgehold {
namespace {

constexpr std::array<std::string_view, 3> kTypeNames = {"counter", "gauge", "histogram"};

template <class Number>
void appendValue(std::string& out, Number value) {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// In help texts a backslash and a line feed are escaped, in label values the quote as well.
void appendEscaped(std::string& out, std::string_view text, bool is_label) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && is_label) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
}

}  // namespace

void Exposition::family(std::string_view name, Type type, std::string_view help) {
  family_ = name;
  text_.append("# HELP ").append(name).push_back(' ');
  appendEscaped(text_, help, /*is_label=*/false);
  text_.append("\n# TYPE ").append(name).push_back(' ');
  text_.append(kTypeNames[static_cast<std::size_t>(type)]).push_back('\n');
}

void Exposition::begin(std::string_view suffix, Labels labels) {
  text_.append(family_).append(suffix);
  char separator = '{';
  for (const MetricLabel& label : labels) {
    text_.push_back(separator);
    text_.append(label.name).append("=\"");
    appendEscaped(text_, label.value, /*is_label=*/true);
    text_.push_back('"');
    separator = ',';
  }
  if (separator == ',') text_.push_back('}');
  text_.push_back(' ');
}

void Exposition::part(std::string_view suffix, double value, Labels labels) {
  begin(suffix, labels);
  appendValue(text_, value);
  text_.push_back('\n');
}

void Exposition::part(std::string_view suffix, std::uint64_t value, Labels labels) {
  begin(suffix, labels);
  appendValue(text_, value);
  text_.push_back('\n');
}

void Exposition::sample(std::uint64_t value, Labels labels) { part({}, value, labels); }

void Exposition::sample(double value, Labels labels) { part({}, value, labels); }

void Exposition::sample(std::int64_t value, Labels labels) {
  begin({}, labels);
  appendValue(text_, value);
  text_.push_back('\n');
}

}  // namespace edgehold
