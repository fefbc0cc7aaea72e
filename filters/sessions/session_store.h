// SPDX-License-Identifier: Apache-2.0
// What of sessions stays here (user_sessions.h): the platform's session_key, sealed, in the ledger;
// and which sessions ended before their time.
// Thread: any (immutable); answers come on the loop that was given.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "filters/sessions/code_exchange.h"
#include "filters/sessions/session_token.h"
#include "proxy/base/async.h"
#include "proxy/exchange/admission.h"
#include "proxy/exchange/services.h"
#include "proxy/state/ledger.h"

namespace edgehold {

bool isRevoked(std::string_view app, const Session& session, Services& services);

// For a WebSocket that the session opens: it ends with it. That it idles does not matter there; an
// open socket is use.
std::unique_ptr<const Admission> admissionOf(std::string_view app, const Session& session);

class SessionStore {
 public:
  // `is_single`: a user has one session, and a new login ends the one before.
  SessionStore(std::string app, SealingKeys keys, bool is_single)
      : app_(std::move(app)), keys_(std::move(keys)), is_single_(is_single) {}
  static constexpr std::string_view kPurpose = "edgehold session record";

  // Durable when it answers. Errors: kStoreUnavailable, kSecretUnavailable.
  Async<Result<void>> keep(const Session& session, const PlatformUser& user,
                           Services& services) const;
  // Ends a session and forgets what was kept of it. Errors: kStoreUnavailable.
  Result<void> end(const Session& session, Services& services) const;
  // Erases a few records of sessions that have run out; whoever logs in pays for it.
  static void sweep(Services& services);

 private:
  class Replacement;

  std::string recordId(const Session& session, const Services& services) const;
  Result<LedgerRecord> recordOf(const Session& session, const PlatformUser& user,
                                Services& services) const;

  std::string app_;
  SealingKeys keys_;
  bool is_single_;
};

}  // namespace edgehold
