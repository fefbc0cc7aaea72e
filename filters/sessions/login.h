// SPDX-License-Identifier: Apache-2.0
// One login on its way: its code is claimed, exchanged at the platform, what the client proves is
// compared, the session kept, and its token made. A code is spent by the first who brings it,
// whatever becomes of it, unless the platform was never asked.
// Thread: one loop (owned by the exchange); LoginTerms: any (immutable but for the cache).
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "filters/channels/credentials.h"
#include "filters/sessions/access_token_cache.h"
#include "filters/sessions/code_exchange.h"
#include "filters/sessions/session_store.h"
#include "filters/sessions/session_token.h"
#include "proxy/base/async.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"

namespace edgehold {

// Under which every login of a filter happens.
struct LoginTerms {
  CodeExchange platform;
  std::vector<DatedSecret> secrets;  // that we authenticate with at the platform; newest first
  SessionSeal seal;
  SessionStore store;
  std::chrono::seconds idle{};
  std::chrono::seconds absolute{};
  std::unique_ptr<AccessTokenCache> access_token;
};

// What a client sends. Views live in the exchange's document.
struct LoginRequest {
  std::string_view code;
  // What wx.getUserInfo gave it; empty: not sent. Compared, and refused when it does not fit.
  std::string_view raw_data, signature;
  std::string_view encrypted_data, iv;
};

// Errors: kPayloadTooLarge, kJsonInvalid, kLoginCodeInvalid for a code without its form,
// kMalformedRequest for half of a proof. REQUIRES: the body is whole.
Result<LoginRequest> readLogin(Exchange& exchange, Services& services);

// The token. Errors: what CodeExchange, the proofs, the store and the call desk say; kLoginCodeUsed
// also for a code that came before. REQUIRES: the exchange outlives the Async.
Async<Result<std::string>> startLogin(const LoginTerms& terms, const LoginRequest& asked,
                                      Exchange& exchange, Services& services);

// `app_id`, as facts and claims name it: letters, digits, `-` and `_`, at most 64.
std::string readAppId(ConfigReader& config);

}  // namespace edgehold
