// SPDX-License-Identifier: Apache-2.0
// Two names for one claim: the signature alone, whoever is the first gets it, and the signature
// with this body, which then passes again. Who meets another in between asks again: he may be the
// twin of the first, which is no forgery. Thread: any (immutable).
#include "filters/channels/single_use.h"

#include "proxy/base/loop.h"
#include "proxy/crypto/digest.h"
#include "proxy/state/counters.h"

namespace edgehold {

Result<SingleUse::Bound> SingleUse::bind(std::string_view credential, const Exchange& exchange,
                                         Services& services) const {
  using State = ClaimResult::State;
  Counters& counters = services.counters;
  const Instant now = services.loop.clock().now();
  const DigestBytes body = digestOf(DigestKind::kSha256, exchange.body.view());
  const CounterKey with_body = counters.key({"channel.body", dialect_, credential, body.view()});
  const CounterKey alone = counters.key({"channel.signature", dialect_, credential});
  TRY_ASSIGN(const ClaimResult first, counters.claim(alone, now, kInFlight));
  Result<ClaimResult> whole = counters.claim(with_body, now, kInFlight);
  if (first.state == State::kClaimed && whole && whole->state == State::kClaimed) {
    TRY_ASSIGN(const bool is_first, counters.commit(alone, first.token, now, kept_));
    if (is_first) {
      TRY(counters.commit(with_body, whole->token, now, kept_));
      return Bound::kYes;
    }
    counters.release(with_body, whole->token);  // away for so long that another took its place
    return Bound::kAskAgain;
  }
  if (first.state == State::kClaimed) counters.release(alone, first.token);
  if (!whole) return fail(std::move(whole).error());
  if (whole->state == State::kCommitted) return Bound::kYes;  // `dedupe` knows what became of it
  if (whole->state == State::kClaimed) counters.release(with_body, whole->token);
  const bool is_judged = first.state == State::kCommitted && whole->state == State::kClaimed;
  if (!is_judged) return Bound::kAskAgain;
  return fail(Reason::kSignatureInvalid, "this signature came before with another body");
}

}  // namespace edgehold
