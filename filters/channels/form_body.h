// SPDX-License-Identifier: Apache-2.0
// Bodies that are JSON, or a form that carries JSON as `payload=`, as Slack and GitHub send both.
// Content-Type is not signed: it must agree with the signed bytes, as the upstream goes by it.
// Thread: any (immutable).
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

// True for a form, false for JSON. Errors: kMalformedRequest when Content-Type is repeated, is of a
// third kind, or the body is no such thing.
Result<bool> isFormBody(const Exchange& exchange);

// The JSON of a form that is `payload=` and nothing else; nothing when it has no such parameter.
// Lives in the exchange's arena, whatever becomes of the body. Errors: kMalformedRequest.
Result<std::optional<std::string_view>> formPayload(Exchange& exchange);

// The form as a JSON object of texts, each name once and written plainly. Lives in the exchange.
// Errors: kMalformedRequest, also past 64 fields.
Result<std::string_view> formAsJson(Exchange& exchange);

}  // namespace edgehold
