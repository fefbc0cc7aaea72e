// SPDX-License-Identifier: Apache-2.0
// The one page edgehold serves to clients itself: what became of a held request, for whoever has
// the token that came with the 202. Thread: any (the store synchronises).
#pragma once

#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

class HoldStore;

class StatusPage {
 public:
  explicit StatusPage(HoldStore& holds) : holds_(holds) {}

  // /.edgehold/ belongs to edgehold on every host; no route can take it.
  bool serves(const RequestHead& request) const {
    return request.target.path.starts_with("/.edgehold/");
  }
  // REQUIRES: serves(exchange.request). A hold that is not there and a wrong token look the same.
  Async<Verdict> answer(const Exchange& exchange, Loop& loop) const;

 private:
  HoldStore& holds_;
};

}  // namespace edgehold
