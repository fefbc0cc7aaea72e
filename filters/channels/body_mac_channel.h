// SPDX-License-Identifier: Apache-2.0
// What platforms have in common that sign the raw body, and nothing else, by HMAC-SHA256: LINE,
// WhatsApp, GitHub, outgoing webhooks of Teams. Without a signed time, what keeps a replay out is
// the event's id, and its own time where it has one.
// Thread: any (immutable).
#pragma once

#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/mac_field.h"

namespace edgehold {

class BodyMacChannel : public Channel {
 public:
  Result<void> checkHead(const Exchange& exchange) const override;
  Result<Verified> verify(Exchange& exchange, Services& services) const override;
  Result<SampleRequest> sample(const SampleWish& wish) const override;

 protected:
  BodyMacChannel(MacField field, MacKeys keys) : field_(std::move(field)), keys_(std::move(keys)) {}
  // An event of the platform's kind.
  virtual std::string sampleBody(const SampleWish& wish) const = 0;

 private:
  const MacField field_;
  const MacKeys keys_;
};

}  // namespace edgehold
