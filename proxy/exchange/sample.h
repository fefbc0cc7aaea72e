// SPDX-License-Identifier: Apache-2.0
// A request as its true sender would make it, for operators' tests: signed with the secrets that
// the route itself verifies by, or with a key whose public half it has.
// Thread: main only.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/random.h"

namespace edgehold {

class SigningKey;

struct SampleWish {
  std::string_view platform;  // the dialect's name
  std::string body;           // what to sign; empty: an event of the platform's kind
  std::string_view path;      // where it goes
  WallTime now;
  Random& random;
  // For platforms that sign with a private key: one whose public half an operator has listed beside
  // the platform's own.
  const SigningKey* signing_key = nullptr;
};

struct SampleRequest {
  std::string method = "POST";
  std::string query;  // without `?`; empty: none
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

}  // namespace edgehold
