// SPDX-License-Identifier: Apache-2.0
// payload_cap {max: 64KiB}: refuses a body by its declared length before a byte of it is read, and
// one of unknown length at the first byte too many.
// Thread: any (immutable).
#include "filters/filters.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

class PayloadCap final : public Filter {
 public:
  explicit PayloadCap(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  FilterNeeds needs() const override {
    return {.request_body = FilterNeeds::Body::kChunks, .on_release = true};
  }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    const BodyLength& body = exchange.request.body;
    return judge(body.kind == BodyLength::Kind::kKnown ? body.bytes : 0);
  }
  Verdict onChunk(Exchange& exchange, std::string_view /*chunk*/) const override {
    return judge(exchange.decision.request_body_bytes);
  }
  Outcome onRequestBody(Exchange& exchange, Services& /*services*/) const override {
    return judge(exchange.is_body_complete ? exchange.body.size() : 0);
  }

 private:
  Verdict judge(std::uint64_t bytes) const {
    return bytes <= bytes_max_ ? Verdict::proceed() : Verdict::deny(Reason::kPayloadTooLarge);
  }

  const std::size_t bytes_max_;
};

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& /*build*/) {
  if (!config.has("max")) config.reject("max", "needs a size such as `64KiB`");
  const std::size_t bytes_max =
      config.bytes("max", limits::kBodyBytesDefault, limits::kBufferedBodyBytesCeiling);
  config.finish();
  return std::make_unique<PayloadCap>(bytes_max);
}

}  // namespace

FilterType payloadCapType() { return {"payload_cap", FilterRank::kPayloadCap, make}; }

}  // namespace edgehold
