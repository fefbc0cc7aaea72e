// SPDX-License-Identifier: Apache-2.0
// Any bytes as a stored hold: refused, or the one encoding of what they mean.
#include <cstdint>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/delivery/hold_record.h"
#include "proxy/delivery/hold_summary.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto record = edgehold::parseHoldRecord(text)) {
    CHECK(edgehold::encodeHoldRecord(*record) == text);
    const auto summary = edgehold::summaryOf(*record, 0);
    (void)edgehold::parseHoldSummary(edgehold::writeHoldSummary(summary));
  }
  if (const auto summary = edgehold::parseHoldSummary(text)) {
    const auto again = edgehold::parseHoldSummary(edgehold::writeHoldSummary(*summary));
    CHECK(again.has_value() && *again == *summary);
  }
  return 0;
}
