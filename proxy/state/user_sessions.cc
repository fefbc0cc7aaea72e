// SPDX-License-Identifier: Apache-2.0
// Records and ends of sessions, behind user_sessions.h.
// Thread: any; answers come on the loop that was given.
#include "proxy/state/user_sessions.h"

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/state/journaled_counters.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kIdPrefix = "ses_";
constexpr char kBetween = '_';  // the user and a session of several

CounterKey revocationKey(const Counters& counters, std::string_view app, ByteView session_id) {
  return counters.key({"session.revoked", app, session_id});
}

// Kept by the Async that it answers.
class Ending {
 public:
  Ending(SessionUser user, const SessionStores& stores)
      : user_(std::move(user)), stores_(stores), id_(sessionRecordId(stores.counters, user_)) {}

  void start(const Resolver<Result<std::size_t>>& resolver) {
    resolver_.emplace(resolver);
    looking_ = stores_.ledger.get(stores_.loop, id_);
    looking_->then([this](Result<std::optional<LedgerRecord>> got) {
      if (!got) return finish(fail(std::move(got).error()));
      std::vector<LedgerRecord> only;
      if (*got && (*got)->kind == kSessionKind) only.push_back(**std::move(got));
      if (auto ended = end(only); !ended) return finish(fail(std::move(ended).error()));
      listAfter(id_);
    });
  }

 private:
  void listAfter(std::string after) {
    LedgerQuery query;
    query.kind = kSessionKind;
    query.after_id = std::move(after);
    query.limit = limits::kLedgerListMax;
    page_ = stores_.ledger.list(stores_.loop, std::move(query));
    page_->then([this](Result<std::vector<LedgerRecord>> rows) {
      if (!rows) return finish(fail(std::move(rows).error()));
      std::erase_if(*rows, [this](const LedgerRecord& row) { return !isOurs(row.id); });
      if (auto ended = end(*rows); !ended) return finish(fail(std::move(ended).error()));
      if (rows->size() < limits::kLedgerListMax) return finish(ended_);
      listAfter(std::move(rows->back().id));
    });
  }
  bool isOurs(std::string_view id) const {
    return id.size() > id_.size() && id.starts_with(id_) && id[id_.size()] == kBetween;
  }

  bool isOver(const LedgerRecord& record) const {
    const Clock& clock = stores_.loop.clock();
    const auto session = sessionIdIn(record.summary);
    if (!session || !record.expires || *record.expires <= clock.wallNow()) return true;
    return isSessionRevoked(stores_.counters, user_.app, *session, clock.now());
  }

  // One write of the journal for all of them, and only then is anything forgotten.
  Result<void> end(const std::vector<LedgerRecord>& records) {
    const Clock& clock = stores_.loop.clock();
    JournaledCounters counters(stores_.counters, stores_.journal, stores_.loop);
    for (const LedgerRecord& record : records) {
      if (isOver(record)) continue;
      TRY(revokeSession(counters, user_.app, *sessionIdIn(record.summary),
                        *record.expires - clock.wallNow(), clock.now()));
      ++ended_;
    }
    if (!counters.flush()) {
      return fail(Reason::kStoreUnavailable, "the claim journal cannot be written");
    }
    for (const LedgerRecord& record : records) {
      if (!isOver(record)) return fail(Reason::kStoreUnavailable, "no room for another claim");
      stores_.ledger.erase(stores_.loop, record.id, record.version).detach([](auto) {});
    }
    return {};
  }
  void finish(Result<std::size_t> result) {
    const Resolver<Result<std::size_t>> resolver = *resolver_;  // resolving destroys this
    resolver.resolve(std::move(result));
  }

  const SessionUser user_;
  const SessionStores stores_;
  const std::string id_;
  std::size_t ended_ = 0;
  std::optional<Resolver<Result<std::size_t>>> resolver_;
  std::optional<Async<Result<std::optional<LedgerRecord>>>> looking_;
  std::optional<Async<Result<std::vector<LedgerRecord>>>> page_;
};

}  // namespace

std::string sessionRecordId(const Counters& counters, const SessionUser& user,
                            ByteView session_id) {
  const CounterKey key = counters.key({"session.user", user.app, user.subject});
  std::array<char, sizeof key> bytes;
  std::memcpy(bytes.data(), &key, sizeof key);
  std::string id = std::string(kIdPrefix) + hexEncode({bytes.data(), bytes.size()});
  if (!session_id.empty()) (id += kBetween) += hexEncode(session_id);
  return id;
}

std::string sessionSummary(ByteView session_id) { return hexEncode(session_id); }

std::optional<std::string> sessionIdIn(std::string_view summary) {
  if (summary.size() != 2 * kSessionIdBytes) return std::nullopt;
  return hexDecode(summary);
}

Result<void> revokeSession(Counters& counters, std::string_view app, ByteView session_id,
                           Duration left, Instant now) {
  const CounterKey key = revocationKey(counters, app, session_id);
  constexpr Duration kInFlight = 10s;  // committed before this returns, or with the turn's journal
  TRY_ASSIGN(const ClaimResult claim, counters.claim(key, now, kInFlight));
  if (claim.state != ClaimResult::State::kClaimed) return {};  // ended before
  TRY(counters.commit(key, claim.token, now, left));
  return {};
}

bool isSessionRevoked(const Counters& counters, std::string_view app, ByteView session_id,
                      Instant now) {
  return counters.hasClaim(revocationKey(counters, app, session_id), now);
}

Async<Result<std::size_t>> endSessionsOf(SessionUser user, const SessionStores& stores) {
  auto [answer, resolver] = Async<Result<std::size_t>>::make();
  const auto ending = std::make_shared<Ending>(std::move(user), stores);
  answer.keep(ending);
  ending->start(resolver);
  return std::move(answer);
}

}  // namespace edgehold
