// SPDX-License-Identifier: Apache-2.0
// A compact JWS (RFC 7515 7.1), which every JWT that is signed is: read strictly, before anything
// of it is believed. jwks.h verifies it. Thread: one loop (owned by the call).
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/crypto/verifying_key.h"

namespace edgehold {

struct Jws {
  JwsAlgorithm algorithm{};
  std::string key_id;  // empty: it names none
  std::string type;    // `typ` as it stands; empty: it says none
  std::string payload;
  std::string signature;
  std::string_view signed_text;  // header and payload as they came; lives in what was read
};

// Three parts in canonical base64url without padding, a header that is one JSON object. Refused
// with kSignatureInvalid: other algorithms (`none` and those of shared secrets first of all),
// `crit` and `b64`, which change what is signed, `zip` and `enc`, which are of encryption, keys
// that a token brings along or points to, and what is past limits::kJwsBytesMax.
Result<Jws> readJws(std::string_view text, JsonPool& pool);

}  // namespace edgehold
