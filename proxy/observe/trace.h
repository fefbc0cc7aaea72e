// SPDX-License-Identifier: Apache-2.0
// W3C Trace Context: reads `traceparent`, continues it with a span of ours, or starts a trace.
// Thread: any (values).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/random.h"

namespace edgehold {

// Where an exchange stands in its trace. Texts are lower-case hexadecimal, never all zero.
class TraceParent {
 public:
  static constexpr std::size_t kTextBytes = 55;  // 00-<32>-<16>-<2>

  // Strict (W3C Trace Context 2.2.2, 3.2.2.5): lower case, no blanks, no all-zero id, not version
  // ff. Of a version we do not know, the first four fields are read.
  static std::optional<TraceParent> parse(std::string_view header);
  static TraceParent start(Random& random, bool is_sampled = false);
  // The same trace, with a new span that is ours.
  TraceParent next(Random& random) const;

  // Live as long as this value.
  std::string_view text() const { return {text_.data(), text_.size()}; }
  std::string_view traceId() const { return text().substr(3, 32); }
  std::string_view spanId() const { return text().substr(36, 16); }
  bool isSampled() const;

 private:
  TraceParent() = default;
  void setSpan(Random& random);
  std::array<char, kTextBytes> text_{};
};

}  // namespace edgehold
