// SPDX-License-Identifier: Apache-2.0
// Where a client says who it is: `Authorization: Bearer …` (RFC 6750 2.1), or all of a field that
// the operator names. It comes exactly once, and goes no further unless it is asked to.
// Thread: any (immutable).
#pragma once

#include <string>
#include <string_view>

#include "filters/field_name.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

class CredentialField {
 public:
  // From the keys `header` (default: Authorization) and `keep` (default: false).
  static CredentialField read(ConfigReader& config);

  // The credential: 1 to `bytes_max` visible characters. Errors: kCredentialsInvalid, with an empty
  // message when there is none.
  Result<std::string_view> find(const Exchange& exchange, std::size_t bytes_max) const;
  // What the upstream shall not see. A shadow strips nothing.
  void strip(Exchange& exchange) const;
  // A 401 has the challenge that RFC 9110 11.6.1 and RFC 6750 3 want.
  Verdict refuse(const Error& error) const;

 private:
  FieldName name_{"Authorization"};
  bool is_bearer_ = true;
  bool is_kept_ = false;
};

}  // namespace edgehold
