// SPDX-License-Identifier: Apache-2.0
// The messages of OpenClaw's gateway protocol, version 4, as far as a proxy must know them:
// requests `{"type":"req","id","method","params"}`, answers `{"type":"res","id","ok"}`.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

// Views live in the document.
struct OpenClawRequest {
  std::string_view id;
  std::string_view method;
};

struct OpenClawAnswer {
  std::string_view id;
  bool is_ok = false;
};

// The one that opens a session: until its answer nobody is authenticated.
inline constexpr std::string_view kOpenClawConnect = "connect";

// Clients send requests and nothing else. Fails with kEventMissing.
Result<OpenClawRequest> readOpenClawRequest(JsonValue message);
// Nothing when it is no answer: events are most of what a gateway says.
std::optional<OpenClawAnswer> readOpenClawAnswer(JsonValue message);

// A refusal in the gateway's own form: FORBIDDEN, or UNAVAILABLE for what may be tried again.
std::string openClawRefusal(std::string_view id, const Verdict& verdict,
                            std::string_view request_id);

}  // namespace edgehold
