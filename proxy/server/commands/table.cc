// SPDX-License-Identifier: Apache-2.0
// Alignment and escapes, behind table.h.
// Thread: any (values).
#include "proxy/server/commands/table.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::string_view kEllipsis = "\u2026";

// Of a well-formed sequence.
std::uint32_t codePointOf(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence[0]);
  if (sequence.size() == 1) return lead;
  std::uint32_t code = lead & (0xFFu >> (sequence.size() + 1));
  for (const char c : sequence.substr(1)) code = code << 6 | (static_cast<unsigned char>(c) & 0x3F);
  return code;
}

// Controls (C0, C1), and what changes the order of text or has no width: who reads must see it.
bool isHidden(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return true;
  constexpr std::array<std::pair<std::uint32_t, std::uint32_t>, 9> kRanges = {{
      {0x00AD, 0x00AD},    // soft hyphen
      {0x061C, 0x061C},    // Arabic letter mark
      {0x115F, 0x1160},    // Hangul fillers
      {0x180E, 0x180E},    // Mongolian vowel separator
      {0x200B, 0x200F},    // zero width, direction marks
      {0x2028, 0x202E},    // line and paragraph separators, embeddings, overrides
      {0x2060, 0x206F},    // invisible operators, isolates
      {0xFEFF, 0xFEFF},    // byte order mark
      {0xE0000, 0xE0FFF},  // tags
  }};
  return std::any_of(kRanges.begin(), kRanges.end(), [code](const auto& range) {
    return code >= range.first && code <= range.second;
  });
}

void appendHex(std::string& out, std::uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out += "0123456789abcdef"[value >> shift & 0xF];
  }
}

void appendEscape(std::string& out, std::uint32_t code) {
  if (code == '\n') {
    out += "\\n";
  } else if (code == '\t') {
    out += "\\t";
  } else if (code < 0x100) {
    out += "\\x";
    appendHex(out, code, 2);
  } else {
    out += code > 0xFFFF ? "\\U" : "\\u";
    appendHex(out, code, code > 0xFFFF ? 8 : 4);
  }
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = utf8SequenceLength(text);
    if (length == 0) {
      out += "\\x";
      appendHex(out, static_cast<unsigned char>(text[0]), 2);
      text.remove_prefix(1);
      continue;
    }
    const std::uint32_t code = codePointOf(text.substr(0, length));
    if (isHidden(code)) {
      appendEscape(out, code);
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string printableShort(std::string_view text, std::size_t characters_max) {
  std::string out = printable(text);
  if (characters(out) <= characters_max) return out;
  std::size_t bytes = 0;
  for (std::size_t kept = 0; kept + 1 < characters_max; ++kept) {
    bytes += std::max<std::size_t>(utf8SequenceLength(std::string_view(out).substr(bytes)), 1);
  }
  out.resize(bytes);
  return out.append(kEllipsis);
}

void Table::add(std::vector<std::string> cells) {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool is_last = i + 1 == cells.size();
    cells[i] = is_last ? printable(cells[i]) : printableShort(cells[i], kCellCharactersMax);
  }
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<const std::vector<std::string>*> lines;
  if (!header_.empty()) lines.push_back(&header_);
  for (const auto& row : rows_) lines.push_back(&row);
  std::vector<std::size_t> widths;
  for (const auto* const line : lines) {
    widths.resize(std::max(widths.size(), line->size()));
    for (std::size_t i = 0; i < line->size(); ++i) {
      widths[i] = std::max(widths[i], characters((*line)[i]));
    }
  }
  std::string out;
  for (const auto* const line : lines) {
    for (std::size_t i = 0; i < line->size(); ++i) {
      out += (*line)[i];
      const bool is_last = i + 1 == line->size();
      if (!is_last) out.append(widths[i] + kGap - characters((*line)[i]), ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace edgehold
