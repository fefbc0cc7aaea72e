// SPDX-License-Identifier: Apache-2.0
// Sessions in the ledger and revocations in the counters, behind session_store.h.
// Thread: any (immutable).
#include "filters/sessions/session_store.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/loop.h"
#include "proxy/state/counters.h"
#include "proxy/state/user_sessions.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

void appendPart(std::string& text, std::string_view part) {
  text += static_cast<char>(part.size());
  text += part;
}
static_assert(kSessionSubjectBytesMax < 256, "parts have one byte of length");

// Erases `id` unless it changes meanwhile or belongs to another session than `owner` (any if
// empty). Nobody waits for it: what stays is swept when it has run out.
void forget(const std::string& id, std::string owner, Services& services) {
  Ledger& ledger = services.ledger;
  Loop& loop = services.loop;
  ledger.get(loop, id).detach(
      [&ledger, &loop, owner = std::move(owner)](Result<std::optional<LedgerRecord>> got) {
        if (!got || !*got || (!owner.empty() && (*got)->summary != owner)) return;
        ledger.erase(loop, (*got)->id, (*got)->version).detach([](auto) {});
      });
}

}  // namespace

bool isRevoked(std::string_view app, const Session& session, Services& services) {
  return isSessionRevoked(services.counters, app, session.idView(), services.loop.clock().now());
}

namespace {

class SessionAdmission final : public Admission {
 public:
  SessionAdmission(std::string_view app, const Session& session)
      : Admission(wallTimeFromMilliseconds(session.until * 1000),
                  {Reason::kSessionExpired, "the session that opened it has ended"}),
        app_(app),
        id_(session.id) {}

  bool isWithdrawn(Services& services) const override {
    return isSessionRevoked(services.counters, app_, {id_.data(), id_.size()},
                            services.loop.clock().now());
  }

 private:
  const std::string app_;
  const std::array<char, kSessionIdBytes> id_;
};

}  // namespace

std::unique_ptr<const Admission> admissionOf(std::string_view app, const Session& session) {
  return std::make_unique<SessionAdmission>(app, session);
}

std::string SessionStore::recordId(const Session& session, const Services& services) const {
  return sessionRecordId(services.counters, {app_, session.subject},
                         is_single_ ? ByteView() : session.idView());
}

Result<LedgerRecord> SessionStore::recordOf(const Session& session, const PlatformUser& user,
                                            Services& services) const {
  LedgerRecord record;
  record.kind = kSessionKind;
  record.id = recordId(session, services);
  record.state = "live";
  record.due = record.expires = wallTimeFromMilliseconds(session.until * 1000);
  record.summary = sessionSummary(session.idView());
  std::string text;
  appendPart(text, user.subject);
  appendPart(text, user.union_id);
  appendPart(text, user.session_key.reveal());
  auto sealed =
      sealWithKeys(keys_, services.loop.clock().wallNow(), text, record.id, services.random);
  wipe(text.data(), text.size());
  if (!sealed) return fail(Reason::kSecretUnavailable, "no key seals sessions now");
  record.body = *std::move(sealed);
  return record;
}

// Puts a record where an older one of the same user may stand: that one's session ends. Kept by the
// Async that it answers.
class SessionStore::Replacement {
 public:
  Replacement(const SessionStore& store, LedgerRecord record, Services& services)
      : store_(store), record_(std::move(record)), services_(services) {}

  void start(const Resolver<Result<void>>& resolver) {
    resolver_.emplace(resolver);
    insert();
  }

 private:
  void insert() {
    step_ = services_.ledger.insert(services_.loop, record_);
    step_->then([this](Result<LedgerWrite> written) {
      if (!written) return finish(fail(std::move(written).error()));
      if (written->isWritten()) return finish({});
      look();
    });
  }
  void look() {
    if (++tries_ > kTriesMax) return finish(contended());
    looking_ = services_.ledger.get(services_.loop, record_.id);
    looking_->then([this](Result<std::optional<LedgerRecord>> got) {
      if (!got) return finish(fail(std::move(got).error()));
      if (!*got) return insert();  // it was erased meanwhile
      if ((*got)->kind != kSessionKind) return finish(contended());
      replace(**got);
    });
  }
  void replace(const LedgerRecord& old) {
    const WallTime now = services_.loop.clock().wallNow();
    const auto old_id = sessionIdIn(old.summary);
    if (old_id && old.expires && *old.expires > now) {
      auto ended = revokeSession(services_.counters, store_.app_, *old_id, *old.expires - now,
                                 services_.loop.clock().now());
      if (!ended) return finish(std::move(ended));
    }
    LedgerChange change;
    change.id = record_.id;
    change.expected_version = old.version;
    change.state = record_.state;
    change.due = record_.due;
    change.expires = record_.expires;
    change.summary = record_.summary;
    change.body = record_.body;
    step_ = services_.ledger.compareAndSet(services_.loop, std::move(change));
    step_->then([this](Result<LedgerWrite> written) {
      if (!written) return finish(fail(std::move(written).error()));
      if (written->isWritten()) return finish({});
      look();
    });
  }
  static Result<void> contended() {
    return fail(Reason::kStoreUnavailable, "the user's session changes too often");
  }
  void finish(Result<void> result) {
    const Resolver<Result<void>> resolver = *resolver_;  // resolving destroys this
    resolver.resolve(std::move(result));
  }

  static constexpr int kTriesMax = 4;

  const SessionStore& store_;
  const LedgerRecord record_;
  Services& services_;
  int tries_ = 0;
  std::optional<Resolver<Result<void>>> resolver_;
  std::optional<Async<Result<LedgerWrite>>> step_;
  std::optional<Async<Result<std::optional<LedgerRecord>>>> looking_;
};

Async<Result<void>> SessionStore::keep(const Session& session, const PlatformUser& user,
                                       Services& services) const {
  auto [answer, resolver] = Async<Result<void>>::make();
  auto record = recordOf(session, user, services);
  if (!record) {
    resolver.resolve(fail(std::move(record).error()));
    return std::move(answer);
  }
  const auto replacement = std::make_shared<Replacement>(*this, *std::move(record), services);
  answer.keep(replacement);
  replacement->start(resolver);
  return std::move(answer);
}

Result<void> SessionStore::end(const Session& session, Services& services) const {
  const std::int64_t now = unixSeconds(services.loop.clock().wallNow());
  const std::chrono::seconds left(std::max<std::int64_t>(1, session.until - now));
  TRY(revokeSession(services.counters, app_, session.idView(), left, services.loop.clock().now()));
  forget(recordId(session, services), sessionSummary(session.idView()), services);
  return {};
}

void SessionStore::sweep(Services& services) {
  Ledger& ledger = services.ledger;
  Loop& loop = services.loop;
  ledger.due(loop, std::string(kSessionKind), loop.clock().wallNow(), limits::kSessionsSweptMax)
      .detach([&ledger, &loop](Result<std::vector<LedgerRecord>> due) {
        if (!due) return;
        for (const LedgerRecord& record : *due) {
          ledger.erase(loop, record.id, record.version).detach([](auto) {});
        }
      });
}

}  // namespace edgehold
