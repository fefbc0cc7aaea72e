// SPDX-License-Identifier: Apache-2.0
// Text for a terminal: aligned columns, and nothing in it that a terminal would obey. What is shown
// may come from an attacker: an approver must see what is there.
// Thread: any (values).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edgehold {

// `text` on one line: control characters, invalid UTF-8, and marks that reorder or hide text are
// shown as escapes (`\n`, `\x1b`, `\u202e`).
std::string printable(std::string_view text);
// printable(), cut to `characters_max` with an ellipsis.
std::string printableShort(std::string_view text, std::size_t characters_max);

class Table {
 public:
  static constexpr std::size_t kCellCharactersMax = 60;

  // No header line when `header` is empty.
  explicit Table(std::vector<std::string> header = {}) : header_(std::move(header)) {}
  // Cells are made printable; short ones only are cut. The last column is never padded.
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  std::string text() const;

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace edgehold
