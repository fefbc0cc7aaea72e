// SPDX-License-Identifier: Apache-2.0
// One field line of a head or trailer section (RFC 9112 5), narrower than the RFC: no obs-fold, no
// bare CR or LF, no blank before the colon, no odd names.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/headers.h"

namespace edgehold {

struct Http1FieldLine {
  enum class Outcome : std::uint8_t {
    kField,
    kEnd,         // the empty line that ends the section
    kIncomplete,  // the line may yet become valid
    kBareLineEnd,
    kFolded,
    kNameMalformed,
    kNameTooLong,
    kNameDisguised,  // `_` for `-` in a name the proxy reads: CGI-like upstreams take them for one
    kBlankBeforeColon,
    kValueMalformed,
    kFramingPadded,  // a tab beside a length or coding: some readers then see another value
  };
  Outcome outcome = Outcome::kIncomplete;
  const char* next = nullptr;  // behind the line: kField, kEnd
  Header field;                // kField; views into the line
};

// True if `name`, its underscores read as hyphens, is a field that the proxy reads.
bool isDisguisedName(std::string_view name);

// REQUIRES: at <= end.
Http1FieldLine parseHttp1FieldLine(const char* at, const char* end);

// The error of an outcome that is one.
Error errorOfFieldLine(Http1FieldLine::Outcome outcome);

}  // namespace edgehold
