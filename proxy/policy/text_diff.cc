// SPDX-License-Identifier: Apache-2.0
// Myers' greedy algorithm (An O(ND) Difference Algorithm and Its Variations, 1986) over lines.
// Thread: any (values).
#include "proxy/policy/text_diff.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

constexpr std::size_t kAround = 3;

using Lines = std::vector<std::string_view>;

Lines linesOf(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

struct Edit {
  char sign;        // ` `, `-`, `+`
  std::size_t was;  // the line of each side that it stands at, from 0
  std::size_t is;
};

// The furthest x reached on each diagonal, after each number of edits.
class Search {
 public:
  Search(const Lines& was, const Lines& is)
      : was_(was), is_(is), width_(static_cast<std::ptrdiff_t>(was.size() + is.size())) {}

  // False when there are more than `edits_max`.
  bool run(std::size_t edits_max);
  // REQUIRES: run() gave true.
  std::vector<Edit> edits() const;

 private:
  using Row = std::vector<std::ptrdiff_t>;  // by diagonal + its number of edits
  static std::ptrdiff_t at(const Row& row, std::ptrdiff_t diagonal) {
    return row[static_cast<std::size_t>(diagonal + static_cast<std::ptrdiff_t>(row.size() / 2))];
  }
  // Whether the step onto `diagonal` is a line of the new text.
  static bool isDown(const Row& before, std::ptrdiff_t edits, std::ptrdiff_t diagonal) {
    if (diagonal == -edits) return true;
    return diagonal != edits && at(before, diagonal - 1) < at(before, diagonal + 1);
  }
  std::ptrdiff_t slide(std::ptrdiff_t x, std::ptrdiff_t diagonal) const {
    while (x < ssize(was_) && x - diagonal < ssize(is_) &&
           was_[static_cast<std::size_t>(x)] == is_[static_cast<std::size_t>(x - diagonal)]) {
      ++x;
    }
    return x;
  }
  static std::ptrdiff_t ssize(const Lines& lines) {
    return static_cast<std::ptrdiff_t>(lines.size());
  }

  const Lines& was_;
  const Lines& is_;
  const std::ptrdiff_t width_;
  std::vector<Row> rows_;  // rows_[d]: diagonals -d-1 to d+1
};

bool Search::run(std::size_t edits_max) {
  Row before{0, 0, 0};
  const auto most = std::min(width_, static_cast<std::ptrdiff_t>(edits_max));
  for (std::ptrdiff_t edits = 0; edits <= most; ++edits) {
    Row row(static_cast<std::size_t>(2 * edits + 3), 0);
    for (std::ptrdiff_t diagonal = -edits; diagonal <= edits; diagonal += 2) {
      std::ptrdiff_t x = 0;
      if (edits > 0) {
        const bool is_down = isDown(before, edits, diagonal);
        x = is_down ? at(before, diagonal + 1) : at(before, diagonal - 1) + 1;
      }
      x = slide(x, diagonal);
      row[static_cast<std::size_t>(diagonal + edits + 1)] = x;
      if (x >= ssize(was_) && x - diagonal >= ssize(is_)) {
        rows_.push_back(std::move(row));
        return true;
      }
    }
    rows_.push_back(row);
    before = std::move(row);
  }
  return false;
}

std::vector<Edit> Search::edits() const {
  std::vector<Edit> edits;
  std::ptrdiff_t x = ssize(was_), y = ssize(is_);
  const auto note = [&](char sign) {
    edits.push_back({sign, static_cast<std::size_t>(x), static_cast<std::size_t>(y)});
  };
  for (auto step = static_cast<std::ptrdiff_t>(rows_.size()) - 1; step > 0; --step) {
    const Row& before = rows_[static_cast<std::size_t>(step - 1)];
    const std::ptrdiff_t diagonal = x - y;
    const bool is_down = isDown(before, step, diagonal);
    const std::ptrdiff_t from = is_down ? at(before, diagonal + 1) : at(before, diagonal - 1) + 1;
    while (x > from) --x, --y, note(' ');
    is_down ? --y : --x;
    note(is_down ? '+' : '-');
  }
  while (x > 0) --x, --y, note(' ');
  std::reverse(edits.begin(), edits.end());
  return edits;
}

std::vector<Edit> replaced(const Lines& was, const Lines& is) {
  std::vector<Edit> edits;
  for (std::size_t i = 0; i < was.size(); ++i) edits.push_back({'-', i, 0});
  for (std::size_t i = 0; i < is.size(); ++i) edits.push_back({'+', was.size(), i});
  return edits;
}

// `-FIRST,COUNT`; an empty side stands before its first line (POSIX).
std::string rangeOf(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? first : first + 1) + "," + std::to_string(count);
}

void appendHunk(std::string& out, const Edit* begin, const Edit* end, const Lines& was,
                const Lines& is) {
  const auto counted = [&](char sign) {
    return static_cast<std::size_t>(
        std::count_if(begin, end, [&](const Edit& one) { return one.sign != sign; }));
  };
  out.append("@@ -").append(rangeOf(begin->was, counted('+')));
  out.append(" +").append(rangeOf(begin->is, counted('-'))).append(" @@\n");
  for (const Edit* edit = begin; edit != end; ++edit) {
    out.push_back(edit->sign);
    out.append(edit->sign == '+' ? is[edit->is] : was[edit->was]).push_back('\n');
  }
}

void appendHunks(std::string& out, const std::vector<Edit>& edits, const Lines& was,
                 const Lines& is) {
  const auto isChange = [](const Edit& one) { return one.sign != ' '; };
  for (auto at = std::find_if(edits.begin(), edits.end(), isChange); at != edits.end();) {
    const auto begin = at - std::min<std::ptrdiff_t>(at - edits.begin(), kAround);
    auto last = at;  // of this hunk: the next change is further away than what stands around both
    for (auto next = at; next != edits.end() && next - last <= std::ptrdiff_t{2 * kAround};) {
      last = next;
      next = std::find_if(next + 1, edits.end(), isChange);
    }
    const auto end = last + 1 + std::min<std::ptrdiff_t>(edits.end() - last - 1, kAround);
    appendHunk(out, &*begin, &*begin + (end - begin), was, is);
    at = std::find_if(end, edits.end(), isChange);
  }
}

}  // namespace

std::string unifiedDiff(const DiffSide& was, const DiffSide& is) {
  if (was.text == is.text) return {};
  std::string out;
  out.append("--- ").append(was.name).append("\n+++ ").append(is.name).append("\n");
  const Lines old_lines = linesOf(was.text);
  const Lines lines = linesOf(is.text);
  if (std::max(old_lines.size(), lines.size()) > limits::kDiffLinesMax) {
    return out + "(they differ, and are too long to show how)\n";
  }
  Search search(old_lines, lines);
  const bool is_found = search.run(limits::kDiffEditsMax);
  const std::vector<Edit> edits = is_found ? search.edits() : replaced(old_lines, lines);
  appendHunks(out, edits, old_lines, lines);
  const bool has_both = !was.text.empty() && !is.text.empty();
  if (has_both && was.text.ends_with('\n') != is.text.ends_with('\n')) {
    out += "\\ one of them has no newline at its end\n";
  }
  return out;
}

}  // namespace edgehold
