// SPDX-License-Identifier: Apache-2.0
// mtls_identity {principals: [uri:spiffe://example/agent, dns:agent.example, cn:agent]}: a client's
// certificate, that the listener has verified (`client_ca`), is required, and one of these if any
// are named. What it says stands in the facts whether this filter is there or not.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "filters/filters.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

class MtlsIdentity final : public Filter {
 public:
  explicit MtlsIdentity(std::vector<std::string> principals) : principals_(std::move(principals)) {}

  FilterNeeds needs() const override { return {.client_certificate = true}; }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    const std::string_view principal = exchange.client.principal;
    if (principal.empty()) return Verdict::deny(Reason::kCredentialsInvalid).byRule("certificate");
    const bool is_one_of_them =
        principals_.empty() ||
        std::binary_search(principals_.begin(), principals_.end(), principal, std::less<>());
    if (is_one_of_them) return Verdict::proceed();
    return Verdict::deny(Reason::kCredentialsInvalid).byRule("principals");
  }

 private:
  const std::vector<std::string> principals_;  // sorted
};

bool hasKind(std::string_view principal) {
  constexpr std::array<std::string_view, 4> kKinds = {"uri:", "dns:", "email:", "cn:"};
  return std::any_of(kKinds.begin(), kKinds.end(), [&](std::string_view kind) {
    return principal.size() > kind.size() && principal.starts_with(kind);
  });
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& /*build*/) {
  std::vector<std::string> principals = config.texts("principals");
  for (const std::string& principal : principals) {
    if (hasKind(principal)) continue;
    config.reject("principals", quoteForMessage(principal) +
                                    ": write `uri:`, `dns:`, `email:` or `cn:` before the name");
  }
  if (config.has("principals") && principals.empty()) {
    config.reject("principals", "nobody is named; leave it out to take every verified certificate");
  }
  std::sort(principals.begin(), principals.end());
  config.finish();
  return std::make_unique<MtlsIdentity>(std::move(principals));
}

}  // namespace

FilterType mtlsIdentityType() { return {"mtls_identity", FilterRank::kCredentials, make}; }

}  // namespace edgehold
