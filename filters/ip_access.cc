// SPDX-License-Identifier: Apache-2.0
// ip_access {allow: [cidr], deny: [cidr]}: who may come here at all. `deny` wins; without `allow`
// everybody else may. The address is the client's behind trusted proxies, never a header's word.
// Thread: any (immutable).
#include <utility>

#include "filters/filters.h"
#include "proxy/base/ip.h"

namespace edgehold {
namespace {

class IpAccess final : public Filter {
 public:
  struct Parts {
    CidrSet allow;
    CidrSet deny;
    bool has_allow = false;
  };
  explicit IpAccess(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override { return {.on_release = true}; }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    const IpAddress address = exchange.client.address;
    if (parts_.deny.contains(address)) return Verdict::deny(Reason::kIpDenied).byRule("deny");
    if (!parts_.has_allow || parts_.allow.contains(address)) return Verdict::proceed();
    return Verdict::deny(Reason::kIpDenied).byRule("allow");
  }

 private:
  const Parts parts_;
};

CidrSet readNetworks(ConfigReader& config, std::string_view key) {
  std::vector<Cidr> networks;
  for (const std::string& text : config.texts(key)) {
    const Result<Cidr> network = Cidr::parse(text);
    if (network) {
      networks.push_back(*network);
    } else {
      config.reject(key, network.error().message);
    }
  }
  return CidrSet(networks);
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& /*build*/) {
  IpAccess::Parts parts;
  parts.has_allow = config.has("allow");
  if (!parts.has_allow && !config.has("deny")) config.reject("allow", "needs `allow` or `deny`");
  parts.allow = readNetworks(config, "allow");
  parts.deny = readNetworks(config, "deny");
  config.finish();
  return std::make_unique<IpAccess>(std::move(parts));
}

}  // namespace

FilterType ipAccessType() {
  return {"ip_access", FilterRank::kIpAccess, make, /*may_repeat=*/true};
}

}  // namespace edgehold
