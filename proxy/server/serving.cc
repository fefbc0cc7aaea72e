// SPDX-License-Identifier: Apache-2.0
// Certificates for a policy, behind serving.h.
// Thread: main only.
#include "proxy/server/serving.h"

#include <utility>

#include "proxy/base/log.h"

namespace edgehold {

namespace {

void warnOfStaples(const TlsServerContext& context, WallTime now) {
  for (const OcspStaple* const staple : context.staples()) {
    if (staple->isCurrent(now)) continue;
    LOG(WARNING) << "ocsp_file `" << staple->file << "` is not stapled: "
                 << (staple->is_revoked   ? "the certificate is revoked"
                     : now < staple->from ? "it is not valid yet"
                                          : "it has expired");
  }
}

}  // namespace

Result<std::shared_ptr<const Serving>> Serving::make(std::shared_ptr<const PolicySnapshot> policy,
                                                     const Serving* before) {
  auto serving = std::make_shared<Serving>();
  for (const ListenerSpec& listener : policy->server().listeners) {
    const std::size_t index = serving->tls.size();
    std::shared_ptr<const TlsServerContext> context;
    if (listener.is_tls) {
      const bool was_there = before != nullptr && index < before->tls.size();
      auto made =
          TlsServerContext::make(listener.tls, was_there ? before->tls[index].get() : nullptr);
      if (!made) return fail(made.error().within("listen " + listener.address.toString()));
      context = std::move(*made);
      warnOfStaples(*context, SystemClock().wallNow());
    }
    serving->tls.push_back(std::move(context));
  }
  serving->policy = std::move(policy);
  return std::shared_ptr<const Serving>(std::move(serving));
}

namespace {

void renderSecrets(const PolicySnapshot& policy, Exposition& out, WallTime now) {
  out.family("edgehold_secret_live_versions", Exposition::Type::kGauge,
             "Live versions of a secret; 0: it does not resolve, and what needs it refuses.");
  for (const SecretState& secret : policy.secrets()) {
    out.sample(std::uint64_t{secret.versions}, {{"secret", secret.reference}});
  }
  out.family("edgehold_secret_age_seconds", Exposition::Type::kGauge,
             "Age of the newest version, where its store tells.");
  for (const SecretState& secret : policy.secrets()) {
    if (!secret.modified) continue;
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now - *secret.modified);
    out.sample(std::int64_t{age.count()}, {{"secret", secret.reference}});
  }
  out.family("edgehold_secret_rotation_due", Exposition::Type::kGauge,
             "1 when a secret is older than security.secrets.rotate_days.");
  for (const SecretState& secret : policy.secrets()) {
    const bool is_due = secret.isDue(now, policy.security().secret_rotate_days);
    out.sample(std::uint64_t{is_due ? 1u : 0u}, {{"secret", secret.reference}});
  }
}

}  // namespace

void Serving::render(Exposition& out, WallTime now) const {
  renderSecrets(*policy, out, now);
  out.family("edgehold_ocsp_response_current", Exposition::Type::kGauge,
             "Whether an OCSP response is stapled: 0 when it has expired or says revoked.");
  for (std::size_t i = 0; i < tls.size(); ++i) {
    if (tls[i] == nullptr) continue;
    for (const OcspStaple* const staple : tls[i]->staples()) {
      out.sample(std::uint64_t{staple->isCurrent(now) ? 1u : 0u},
                 {{"listener", policy->server().listeners[i].name}, {"file", staple->file}});
    }
  }
}

}  // namespace edgehold
