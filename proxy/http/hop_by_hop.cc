// SPDX-License-Identifier: Apache-2.0
// The lists behind hop_by_hop.h.
// Thread: any (immutable).
#include "proxy/http/hop_by_hop.h"

#include <algorithm>
#include <vector>

#include "proxy/base/strings.h"
#include "proxy/http/list.h"

namespace edgehold {
namespace {

bool startsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return equalsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

bool isHopByHop(const Header& field) {
  switch (field.id) {
    case HeaderId::kConnection:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyAuthenticate:
    case HeaderId::kProxyAuthorization:
    case HeaderId::kProxyConnection:
    case HeaderId::kTe:
    case HeaderId::kTrailer:
    case HeaderId::kTransferEncoding:
    case HeaderId::kUpgrade:
      return true;
    case HeaderId::kOther:
      // `Proxy` alone becomes the variable HTTP_PROXY in CGI-like upstreams. HTTP2-Settings asks
      // for another protocol here, also where Connection does not name it.
      return startsWithIgnoreCase(field.name, "proxy-") || equalsIgnoreCase(field.name, "proxy") ||
             equalsIgnoreCase(field.name, "http2-settings");
    default:
      return false;
  }
}

// Every field that the proxy itself reads is end to end, and so are the families it owns.
bool isProtected(std::string_view name) {
  if (headerIdOf(name) != HeaderId::kOther) return true;
  for (const std::string_view family : {"x-edgehold-", "x-forwarded-", "x-openclaw-", "set-cookie",
                                        "x-real-ip", "sec-websocket-"}) {
    if (startsWithIgnoreCase(name, family)) return true;
  }
  return false;
}

std::vector<std::string_view> namedFields(const Headers& headers) {
  std::vector<std::string_view> names;  // allocates only when a field is really named
  for (const Header& field : headers) {
    if (field.id != HeaderId::kConnection) continue;
    forEachListed(field.value, [&names](std::string_view name) {
      const bool is_option = equalsIgnoreCase(name, "close");
      if (!is_option && !isProtected(name)) names.push_back(name);
    });
  }
  return names;
}

}  // namespace

void stripHopByHop(Headers& headers) {
  const std::vector<std::string_view> names = namedFields(headers);
  headers.removeIf(isHopByHop);
  if (names.empty()) return;
  headers.removeIf([&names](const Header& field) {
    return std::any_of(names.begin(), names.end(), [&field](std::string_view name) {
      return equalsIgnoreCase(field.name, name);
    });
  });
}

}  // namespace edgehold
