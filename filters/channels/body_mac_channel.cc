// SPDX-License-Identifier: Apache-2.0
// Verifies and makes MACs of bodies. Thread: any (immutable).
#include "filters/channels/body_mac_channel.h"

namespace edgehold {

Result<void> BodyMacChannel::checkHead(const Exchange& exchange) const {
  TRY(requireLive(keys_, exchange.started_wall));
  TRY(field_.read(exchange));
  return {};
}

Result<Verified> BodyMacChannel::verify(Exchange& exchange, Services& /*services*/) const {
  TRY_ASSIGN(const Mac mac, field_.read(exchange));
  const ByteView body = exchange.body.view();
  const auto key = fittingMac(keys_, exchange, std::span(&body, 1), mac);
  if (!key) return fail(Reason::kSignatureInvalid);
  return Verified{body, {}, *key};
}

Result<SampleRequest> BodyMacChannel::sample(const SampleWish& wish) const {
  const HmacKey* const key = firstLive(keys_, wish.now);
  if (key == nullptr) return fail("no secret has resolved");
  SampleRequest request;
  request.body = wish.body.empty() ? sampleBody(wish) : wish.body;
  const ByteView body = request.body;
  request.headers = {{"Content-Type", "application/json"},
                     {field_.name().text(), field_.write(*key, std::span(&body, 1))}};
  return request;
}

}  // namespace edgehold
