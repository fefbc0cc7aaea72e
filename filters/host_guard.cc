// SPDX-License-Identifier: Apache-2.0
// host_guard {hosts: [...], origins: [...]}: refuses names that are not ours (DNS rebinding, a
// wrong virtual host) and pages that are not ours (cross-site requests and WebSockets). Origin is
// checked only when it is sent: programs send none, browsers always do where it matters.
// Thread: any (immutable).
#include <algorithm>
#include <utility>

#include "filters/filters.h"
#include "filters/grammar.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// scheme "://" host [":" port] (RFC 6454 6.1), or `null`.
struct OriginPattern {
  std::string before;  // up to and with "://"; the whole of `null`
  std::optional<HostPattern> host;
  std::string port;  // with ':'; empty for the scheme's own

  bool matches(std::string_view origin) const {
    if (!host) return origin == before;
    if (origin.size() < before.size() ||
        !equalsIgnoreCase(origin.substr(0, before.size()), before)) {
      return false;
    }
    const std::string_view authority = origin.substr(before.size());
    const std::string_view name = hostOf(authority);
    return host->matches(name) && authority.substr(name.size()) == port;
  }
};

Result<OriginPattern> parseOrigin(std::string_view text) {
  if (text == "null") return OriginPattern{"null", std::nullopt, {}};
  const std::size_t mark = text.find("://");
  if (mark == std::string_view::npos || mark == 0) {
    return fail("`" + std::string(text) + "` is no origin: write `https://app.example.org`");
  }
  const std::string_view authority = text.substr(mark + 3);
  const std::string_view name = hostOf(authority);
  TRY_ASSIGN(HostPattern host, HostPattern::parse(name));
  return OriginPattern{toLower(text.substr(0, mark + 3)), std::move(host),
                       std::string(authority.substr(name.size()))};
}

class HostGuard final : public Filter {
 public:
  struct Parts {
    std::vector<HostPattern> hosts;  // empty: any
    std::vector<OriginPattern> origins;
    bool checks_origin = false;
  };
  explicit HostGuard(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override { return {.on_release = true}; }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    const std::string_view host = hostOf(exchange.request.authority);
    const auto isHost = [host](const HostPattern& one) { return one.matches(host); };
    if (!parts_.hosts.empty() && std::none_of(parts_.hosts.begin(), parts_.hosts.end(), isHost)) {
      return Verdict::deny(Reason::kHostRejected).byRule("hosts");
    }
    if (!parts_.checks_origin || isOriginAllowed(exchange.request.headers)) {
      return Verdict::proceed();
    }
    return Verdict::deny(Reason::kOriginRejected).byRule("origins");
  }

 private:
  bool isOriginAllowed(const Headers& headers) const {
    for (const Header& field : headers) {
      if (field.id != HeaderId::kOrigin) continue;
      const auto isOrigin = [&](const OriginPattern& one) { return one.matches(field.value); };
      if (std::none_of(parts_.origins.begin(), parts_.origins.end(), isOrigin)) return false;
    }
    return true;
  }

  const Parts parts_;
};

template <class T>
std::vector<T> readPatterns(ConfigReader& config, std::string_view key,
                            Result<T> (*parse)(std::string_view)) {
  std::vector<T> patterns;
  for (const std::string& text : config.texts(key)) {
    Result<T> pattern = parse(text);
    if (pattern) {
      patterns.push_back(*std::move(pattern));
    } else {
      config.reject(key, pattern.error().message);
    }
  }
  return patterns;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& /*build*/) {
  HostGuard::Parts parts;
  parts.checks_origin = config.has("origins");
  const bool has_hosts = config.has("hosts");
  if (!has_hosts && !parts.checks_origin) config.reject("hosts", "needs `hosts` or `origins`");
  parts.hosts = readPatterns<HostPattern>(config, "hosts", HostPattern::parse);
  if (has_hosts && config.texts("hosts").empty()) config.reject("hosts", "names no host");
  parts.origins = readPatterns<OriginPattern>(config, "origins", parseOrigin);
  config.finish();
  return std::make_unique<HostGuard>(std::move(parts));
}

}  // namespace

FilterType hostGuardType() { return {"host_guard", FilterRank::kHostGuard, make}; }

}  // namespace edgehold
