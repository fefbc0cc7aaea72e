// SPDX-License-Identifier: Apache-2.0
// The answers that platforms are given, in exact words.
// Thread: any (immutable).
#pragma once

#include <string>
#include <utility>

#include "proxy/exchange/verdict.h"

namespace edgehold {

inline Reply exactReply(std::uint16_t status, std::string content_type, std::string body) {
  Reply reply;
  reply.status = status;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  reply.has_body = true;
  return reply;
}
inline Reply jsonReply(std::string body) {
  return exactReply(200, "application/json", std::move(body));
}
inline Reply textReply(std::string body) { return exactReply(200, "text/plain", std::move(body)); }
inline Reply emptyReply(std::uint16_t status = 200) { return exactReply(status, {}, {}); }

}  // namespace edgehold
