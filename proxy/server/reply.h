// SPDX-License-Identifier: Apache-2.0
// The answers that edgehold gives itself: problem+json (RFC 9457), or what a filter wrote.
// Thread: one loop.
#pragma once

#include <string>
#include <string_view>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/verdict.h"
#include "proxy/http/message.h"

namespace edgehold {

// Views live in the exchange's arena and in the verdict.
struct OwnReply {
  ResponseHead head;
  std::string_view body;
};

// `date`: for the Date field; copied.
OwnReply makeReply(Exchange& exchange, const Verdict& verdict, std::string_view date);

}  // namespace edgehold
