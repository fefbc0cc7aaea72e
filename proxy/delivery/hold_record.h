// SPDX-License-Identifier: Apache-2.0
// A held request as it is kept: every byte that will be sent, who asked for it under which policy,
// a digest that binds them, and in the end the upstream's answer. Its encoding has a version, and
// is read strictly: a record that is not exactly what was written is never executed. Thread: any
// (values).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/reason.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

using HoldDigest = std::array<std::uint8_t, 32>;  // SHA-256

// All that an approval is about. Nothing of it may change between the hold and its release.
struct StoredRequest {
  using Fields = std::vector<std::pair<std::string, std::string>>;

  std::string approval_id;
  std::string request_id;
  std::string method;
  std::string target;  // path and query, canonical
  std::string authority;
  Fields headers;  // as they came, secrets among them: never shown
  std::string body;
  bool is_secure = false;      // the client came over TLS
  std::string client_address;  // behind trusted proxies, else the peer's
  std::string route;
  std::string policy_version;  // that held it; the release is checked under the current one
  std::string principal;
  std::string channel;
  std::string event_type;
  std::string event_id;
  std::string group;
  std::string sender;
  std::string action;
  std::optional<std::int64_t> timestamp_ms;
  Fields tags;
  std::string rule;    // what asked for the hold
  std::string reason;  // why, for the approver
  std::int64_t held_at_ms = 0;

  // Filled for the release, not kept with the request and not bound by the digest.
  std::string approved_by;

  bool operator==(const StoredRequest&) const = default;
};

// What the upstream said to the released request.
struct StoredAnswer {
  std::uint16_t status = 0;
  std::string content_type;
  std::string body;
  bool is_cut = false;  // the body was longer than limits::kHoldAnswerBytesMax

  bool operator==(const StoredAnswer&) const = default;
};

struct HoldRecord {
  StoredRequest request;
  HoldDigest digest{};        // of the request, made when it was held
  HoldDigest token_hash{};    // SHA-256 of the status token: the token itself is not kept
  bool is_forgotten = false;  // decided: headers and body were erased, the digest stays
  Reason reason = Reason::kHoldPending;  // what became of it
  std::optional<StoredAnswer> answer;

  bool operator==(const HoldRecord&) const = default;
};

// Copies what `exchange` was about to send.
StoredRequest storedRequestOf(const Exchange& exchange);

// Over the canonical encoding: each part with its length, so that no two requests share one.
HoldDigest digestOf(const StoredRequest& request);

// Erases headers and body: once decided, nobody needs the secrets in them. The digest still binds.
void forgetContent(HoldRecord& record);

std::string encodeHoldRecord(const HoldRecord& record);
// The one record whose encoding `bytes` is. Does not compare the digest.
Result<HoldRecord> parseHoldRecord(ByteView bytes);

}  // namespace edgehold
