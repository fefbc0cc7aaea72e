// SPDX-License-Identifier: Apache-2.0
// Who a client's certificate says it is.
// Thread: any (stateless).
#pragma once

#include <string>

struct x509_st;

namespace edgehold {

// The first name of the first kind that the certificate has, in this order: `uri:` (SPIFFE),
// `dns:` and `email:` of its alternative names, `cn:` of its subject; the kind goes with it, so
// that no name of one kind passes for one of another. Empty when there is none, and when that name
// is not printable ASCII without blanks or is longer than limits::kFactBytesMax with its kind.
std::string principalOf(const x509_st* certificate);

}  // namespace edgehold
