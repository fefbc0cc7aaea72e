// SPDX-License-Identifier: Apache-2.0
// Writes the Prometheus text exposition format 0.0.4: families with HELP and TYPE, samples with
// escaped labels. Thread: one loop (a value for the length of one scrape).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace edgehold {

class DurationHistogram;

struct MetricLabel {
  std::string_view name;
  std::string_view value;
};

class Exposition {
 public:
  enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };
  using Labels = std::initializer_list<MetricLabel>;

  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

  // Begins a family; the samples after it are its own. `name` and label names are ours and valid;
  // label values and help may be any text.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(std::uint64_t value, Labels labels = {});
  void sample(std::int64_t value, Labels labels = {});
  void sample(double value, Labels labels = {});
  // A sample of a histogram's: `suffix` is _bucket, _sum or _count.
  void part(std::string_view suffix, double value, Labels labels = {});
  void part(std::string_view suffix, std::uint64_t value, Labels labels = {});

  const std::string& text() const& { return text_; }
  std::string text() && { return std::move(text_); }

 private:
  void begin(std::string_view suffix, Labels labels);

  std::string text_;
  std::string_view family_;
};

}  // namespace edgehold
