// SPDX-License-Identifier: Apache-2.0
// Field lines and lists of fields: a line that is taken is clean, is not taken before it is whole
// and is written back to itself; a wrong line stays wrong whatever follows; names are found in any
// case; nothing that belongs to one hop crosses. Thread: main only.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/headers.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/http1_field_line.h"
#include "proxy/http/list.h"

namespace edgehold {
namespace {

using Outcome = Http1FieldLine::Outcome;

Http1FieldLine parse(std::string_view bytes) {
  return parseHttp1FieldLine(bytes.data(), bytes.data() + bytes.size());
}

bool isTaken(Outcome outcome) { return outcome == Outcome::kField || outcome == Outcome::kEnd; }

// However little of `line` is here, it is incomplete or what it will be in the end: an error may be
// seen early, a field only when it is whole.
void checkPrefixes(std::string_view line, Outcome whole) {
  for (std::size_t size = 0; size < std::min<std::size_t>(line.size(), 512); ++size) {
    const Outcome part = parse(line.substr(0, size)).outcome;
    CHECK(part == Outcome::kIncomplete || (!isTaken(part) && !isTaken(whole))) << line;
  }
}

void checkField(const Header& field) {
  CHECK(isFieldName(field.name) && isFieldValue(field.value)) << field.name;
  CHECK(field.id == headerIdOf(field.name));
  CHECK(headerIdOf(toLower(field.name)) == field.id);
  const std::string written = std::string(field.name) + ": " + std::string(field.value) + "\r\n";
  const Http1FieldLine again = parse(written);
  CHECK(again.outcome == Outcome::kField) << written;
  CHECK(again.field.name == field.name && again.field.value == field.value) << written;
}

// Every line of `bytes` up to the end of the section or the first error; the fields that came.
Headers readSection(std::string_view bytes) {
  Headers headers;
  while (headers.size() < limits::kHeaderCountMax) {
    const Http1FieldLine line = parse(bytes);
    const std::size_t used = isTaken(line.outcome)
                                 ? static_cast<std::size_t>(line.next - bytes.data())
                                 : std::min<std::size_t>(bytes.size(), 512);
    checkPrefixes(bytes.substr(0, used), line.outcome);
    if (line.outcome != Outcome::kField) break;
    checkField(line.field);
    headers.add(line.field);
    bytes.remove_prefix(used);
  }
  return headers;
}

void checkLookups(const Headers& headers) {
  for (const Header& field : headers) {
    CHECK(headers.find(field.name).has_value() && headers.find(toLower(field.name)).has_value());
    CHECK_GE(headers.count(field.name), 1u);
    Headers others = headers;
    CHECK_EQ(others.remove(field.name), headers.count(field.name));
    CHECK(!others.find(field.name).has_value());
    forEachListed(field.value, [](std::string_view member) {
      CHECK(!member.empty() && !isBlank(member.front()) && !isBlank(member.back()));
      CHECK(member.find(',') == std::string_view::npos);
    });
  }
}

void checkHops(Headers headers) {
  const std::size_t hosts = headers.count("host");
  const std::size_t credentials = headers.count("authorization");
  stripHopByHop(headers);
  for (const std::string_view name : {"connection", "keep-alive", "te", "trailer", "upgrade",
                                      "transfer-encoding", "proxy-authorization", "proxy"}) {
    CHECK_EQ(headers.count(name), 0u) << name;
  }
  // No Connection field can take away what the proxy or the upstream decides by.
  CHECK_EQ(headers.count("host"), hosts);
  CHECK_EQ(headers.count("authorization"), credentials);
  const std::size_t left = headers.size();
  stripHopByHop(headers);
  CHECK_EQ(headers.size(), left);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  const edgehold::Headers headers = edgehold::readSection(bytes);
  edgehold::checkLookups(headers);
  edgehold::checkHops(headers);
  return 0;
}
