// SPDX-License-Identifier: Apache-2.0
// What a list shows of a hold: who wants what and why, and who decided. Kept beside the record in
// the ledger as JSON, so that lists read no bodies. Nothing in it is secret.
// Thread: any (values).
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/result.h"
#include "proxy/delivery/hold_record.h"

namespace edgehold {

struct HoldSummary {
  std::string request_id;
  std::string method;
  std::string target;  // tokens and query values redacted
  std::string route;
  std::string action;
  std::string principal;
  std::string group;
  std::string sender;
  std::string client_address;
  std::string rule;
  std::string reason;  // why it is held
  std::string policy_version;
  std::string digest;  // SHA-256, hexadecimal
  std::int64_t held_at_ms = 0;
  std::int64_t expires_at_ms = 0;
  std::uint64_t body_bytes = 0;
  std::string decided_by;
  std::string decided_reason;
  std::int64_t decided_at_ms = 0;  // 0: nobody has
  std::string outcome;             // a reason code, once it is settled
  std::uint16_t answer_status = 0;

  bool operator==(const HoldSummary&) const = default;
};

HoldSummary summaryOf(const HoldRecord& record, std::int64_t expires_at_ms);
std::string writeHoldSummary(const HoldSummary& summary);
Result<HoldSummary> parseHoldSummary(std::string_view text);

}  // namespace edgehold
