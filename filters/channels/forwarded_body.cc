// SPDX-License-Identifier: Apache-2.0
// Tells JSON from XML, by what no document of the other kind begins with.
// Thread: one loop (owned by the exchange).
#include "filters/channels/forwarded_body.h"

#include <array>
#include <string_view>
#include <utility>

namespace edgehold {
namespace {

std::string_view typeOf(std::string_view content) {
  const std::size_t first = content.find_first_not_of(" \t\r\n");
  const bool is_xml = first != std::string_view::npos && content[first] == '<';
  return is_xml ? "text/xml" : "application/json";
}

}  // namespace

void forwardContent(Exchange& exchange) {
  // Of the bytes that were sent (RFC 9110 8.4, RFC 9530, RFC 1864): nothing of them is true now.
  constexpr std::array<std::string_view, 5> kOfTheBytes = {"Content-Encoding", "Content-Digest",
                                                           "Repr-Digest", "Digest", "Content-MD5"};
  Headers& headers = exchange.request.headers;
  for (const std::string_view name : kOfTheBytes) headers.remove(name);
  headers.set("Content-Type", typeOf(exchange.content));
  exchange.body.clear();
  exchange.body.append(std::exchange(exchange.content, {}));
}

}  // namespace edgehold
