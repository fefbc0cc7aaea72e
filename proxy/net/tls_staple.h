// SPDX-License-Identifier: Apache-2.0
// An OCSP response to staple (RFC 6066 8, RFC 6960): what the authority says of our certificate, so
// that no client needs to ask it. Thread: any (immutable).
#pragma once

#include <string>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"

struct ssl_ctx_st;

namespace edgehold {

struct OcspStaple {
  std::string file;
  std::string response;  // DER
  WallTime from{};
  WallTime until{};         // it is not stapled any more then
  bool is_revoked = false;  // then it is never stapled: clients would refuse us

  bool isCurrent(WallTime now) const { return !is_revoked && from <= now && now < until; }

  // An error unless it is a signed response about the certificate of `context`; one that is out of
  // date or says `revoked` is none.
  static Result<OcspStaple> load(const std::string& file, ssl_ctx_st* context);
};

}  // namespace edgehold
