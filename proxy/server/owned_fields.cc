// SPDX-License-Identifier: Apache-2.0
// The table behind owned_fields.h.
// Thread: any (immutable).
#include "proxy/server/owned_fields.h"

#include <algorithm>
#include <array>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

struct Owned {
  std::string_view name;  // lower case; with `is_family` all names that begin so
  bool is_family = false;
};
constexpr bool kFamily = true;

// `client-cert` is RFC 9440's; whoever ends TLS must see to it (its section 4).
// Sorted, and nothing else begins as a family does: one comparison after a binary search decides.
constexpr std::array kOwned = {
    Owned{"akamai-client-ip"},
    Owned{"cf-access-", kFamily},
    Owned{"cf-connecting-ip", kFamily},
    Owned{"client-cert", kFamily},
    Owned{"client-ip"},
    Owned{"fastly-client-ip"},
    Owned{"fly-client-", kFamily},
    Owned{"front-end-https"},
    Owned{"incap-client-ip"},
    Owned{"remote-addr"},
    Owned{"remote-email"},
    Owned{"remote-groups"},
    Owned{"remote-name"},
    Owned{"remote-user"},
    Owned{"ssl-client-", kFamily},
    Owned{"tailscale-user-", kFamily},
    Owned{"true-client-ip"},
    Owned{"wl-proxy-", kFamily},
    Owned{"x-amzn-mtls-", kFamily},
    Owned{"x-amzn-oidc-", kFamily},
    Owned{"x-anonymous-consumer", kFamily},
    Owned{"x-apigateway-", kFamily},
    Owned{"x-appengine-user-", kFamily},
    Owned{"x-arr-clientcert", kFamily},
    Owned{"x-auth-request-", kFamily},
    Owned{"x-auth-user"},
    Owned{"x-authenticated-", kFamily},
    Owned{"x-authentik-", kFamily},
    Owned{"x-azure-client", kFamily},
    Owned{"x-client-cert", kFamily},
    Owned{"x-client-dn", kFamily},
    Owned{"x-client-ip"},
    Owned{"x-client-verify", kFamily},
    Owned{"x-cluster-client-ip"},
    Owned{"x-consumer-", kFamily},
    Owned{"x-credential-", kFamily},
    Owned{"x-edgehold-", kFamily},
    Owned{"x-endpoint-api-", kFamily},
    Owned{"x-envoy-external-address"},
    Owned{"x-envoy-internal"},
    Owned{"x-envoy-original-", kFamily},
    Owned{"x-forwarded"},
    Owned{"x-forwarded-", kFamily},
    Owned{"x-goog-authenticated-user-", kFamily},
    Owned{"x-goog-iap-", kFamily},
    Owned{"x-host"},
    Owned{"x-http-method"},
    Owned{"x-http-method-override"},
    Owned{"x-http-path-override"},
    Owned{"x-method-override"},
    Owned{"x-ms-client-principal", kFamily},
    Owned{"x-openclaw-", kFamily},
    Owned{"x-original-forwarded-for"},
    Owned{"x-original-host"},
    Owned{"x-original-method"},
    Owned{"x-original-path"},
    Owned{"x-original-uri"},
    Owned{"x-original-url"},
    Owned{"x-originating-ip"},
    Owned{"x-override-url"},
    Owned{"x-pomerium-", kFamily},
    Owned{"x-proxyuser-ip"},
    Owned{"x-real-ip"},
    Owned{"x-remote-addr"},
    Owned{"x-remote-ip"},
    Owned{"x-remote-user"},
    Owned{"x-request-id"},  // by its id where it is spelled so; with underscores here
    Owned{"x-rewrite-path"},
    Owned{"x-rewrite-url"},
    Owned{"x-scheme"},
    Owned{"x-ssl-cert"},
    Owned{"x-ssl-client-", kFamily},
    Owned{"x-tls-client-", kFamily},
    Owned{"x-token-user-", kFamily},
    Owned{"x-url-scheme"},
    Owned{"x-user"},
    Owned{"x-vercel-", kFamily},
    Owned{"x-vouch-", kFamily},
    Owned{"x-webauth-", kFamily},
    Owned{"x-wx-", kFamily},
    Owned{"z-forwarded-for"},
};

constexpr bool isSearchable() {
  for (std::size_t i = 1; i < kOwned.size(); ++i) {
    const Owned& before = kOwned[i - 1];
    if (!(before.name < kOwned[i].name)) return false;
    if (before.is_family && kOwned[i].name.starts_with(before.name)) return false;
  }
  return true;
}
static_assert(isSearchable());

// Longer names differ from every entry, or belong to a family by their beginning.
constexpr std::size_t kLongest = 32;
static_assert(std::all_of(kOwned.begin(), kOwned.end(),
                          [](const Owned& owned) { return owned.name.size() < kLongest; }));

// The beginning of a name as the table spells it.
class PlainName {
 public:
  explicit PlainName(std::string_view name) : length_(std::min(name.size(), kLongest)) {
    std::transform(name.begin(), name.begin() + static_cast<std::ptrdiff_t>(length_),
                   plain_.begin(),
                   [](char c) { return c == '_' || c == '.' ? '-' : asciiLower(c); });
  }
  std::string_view view() const { return {plain_.data(), length_}; }

 private:
  std::array<char, kLongest> plain_;
  std::size_t length_;
};

// Where a name says something of its own: nearly all begin with `x-`.
constexpr std::size_t telling(std::string_view name) { return name.starts_with("x-") ? 2 : 0; }

// The two letters there, as a bit: nearly every other name differs from all of the list in it.
constexpr std::size_t kLetterBits = 1024;
constexpr std::size_t letterBit(std::string_view name) {
  const std::size_t at = telling(name);
  if (name.size() < at + 2) return 0;
  return (static_cast<std::size_t>(name[at]) & 31) * 32 +
         (static_cast<std::size_t>(name[at + 1]) & 31);
}
constexpr std::array<bool, kLetterBits> kIsBegun = [] {
  std::array<bool, kLetterBits> begun{};
  begun[0] = true;  // a name too short to tell
  for (const Owned& owned : kOwned) begun[letterBit(owned.name)] = true;
  return begun;
}();

bool isListed(std::string_view name) {
  const PlainName plain(name);
  if (!kIsBegun[letterBit(plain.view())]) return false;
  const std::string_view wanted = plain.view();
  const auto after = std::upper_bound(
      kOwned.begin(), kOwned.end(), wanted,
      [](std::string_view value, const Owned& owned) { return value < owned.name; });
  if (after == kOwned.begin()) return false;
  const Owned& nearest = *(after - 1);
  return nearest.is_family ? wanted.starts_with(nearest.name) : wanted == nearest.name;
}

}  // namespace

bool isOwnedAnswerField(const Header& field) {
  if (field.id != HeaderId::kOther) return field.id == HeaderId::kXRequestId;
  constexpr std::string_view kOwn = "x-edgehold-";
  if (field.name.size() < kOwn.size() || asciiLower(field.name[0]) != 'x') return false;
  const PlainName plain(field.name);
  return plain.view().starts_with(kOwn) || plain.view() == "x-request-id";
}

bool isOwnedField(const Header& field) {
  switch (field.id) {
    case HeaderId::kForwarded:
    case HeaderId::kXForwardedFor:
    case HeaderId::kXForwardedHost:
    case HeaderId::kXForwardedProto:
    case HeaderId::kXRequestId:
    case HeaderId::kTraceparent:
      return true;
    case HeaderId::kOther:
      return isListed(field.name);
    default:
      return false;
  }
}

}  // namespace edgehold
