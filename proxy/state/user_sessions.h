// SPDX-License-Identifier: Apache-2.0
// What is remembered of users' sessions: a record of each in the ledger, under an id that begins
// with its user, and those that ended before their time as claims, which every worker sees at once
// and which survive a crash. What a session is and who may have one, others know.
// Thread: any; answers come on the loop that was given.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/bytes.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/state/claim_journal.h"
#include "proxy/state/counters.h"
#include "proxy/state/ledger.h"
#include "proxy/state/memory_counters.h"

namespace edgehold {

inline constexpr std::size_t kSessionIdBytes = 16;
inline constexpr std::size_t kSessionSubjectBytesMax = 128;
inline constexpr std::string_view kSessionKind = "session";

// Whom a platform names `subject` to an `app` of it. In the ledger it stands as a keyed hash.
struct SessionUser {
  std::string app;
  std::string subject;
};

// The id of the record of a user's only session; of one of several, when `session_id` is given.
// Whatever they are, those of one user follow each other.
std::string sessionRecordId(const Counters& counters, const SessionUser& user,
                            ByteView session_id = {});
// What a record says of its session, in `summary`; nothing when it is no id.
std::string sessionSummary(ByteView session_id);
std::optional<std::string> sessionIdIn(std::string_view summary);

// Ends the session for the time that is `left` of it. Errors: kStoreUnavailable.
Result<void> revokeSession(Counters& counters, std::string_view app, ByteView session_id,
                           Duration left, Instant now);
bool isSessionRevoked(const Counters& counters, std::string_view app, ByteView session_id,
                      Instant now);

// Ends every session that `user` has now, page by page, and forgets what was kept of them. How many
// there were; they are ended durably when it answers. What is broken off or fails has ended some of
// them, and can be asked again. Errors: kStoreUnavailable. Counters, ledger and journal outlive the
// Async.
struct SessionStores {
  MemoryCounters& counters;
  ClaimJournal& journal;
  Ledger& ledger;
  Loop& loop;
};
Async<Result<std::size_t>> endSessionsOf(SessionUser user, const SessionStores& stores);

}  // namespace edgehold
