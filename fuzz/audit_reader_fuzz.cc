// SPDX-License-Identifier: Apache-2.0
// Audit files of any bytes, in pieces of any size: the same lines as when read at once, and every
// line that is given out is one that was put in.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/log.h"
#include "proxy/observe/audit_reader.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

AuditReadReport readInSteps(std::string_view bytes, const AuditQuery& query, std::size_t step,
                            std::string& out) {
  FakeRandom random;
  const AuditSink sink = [&](std::string_view line) {
    CHECK(bytes.find(line) != std::string_view::npos);
    CHECK(line.find('\n') == std::string_view::npos);
    out.append(line).push_back('\n');
    return true;
  };
  AuditLineReader reader(query, sink, random);
  for (std::size_t at = 0; at < bytes.size(); at += step) reader.receive(bytes.substr(at, step));
  reader.receiveEnd();
  return reader.report();
}

void readAnyBytes(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 2, size - 2);
  AuditQuery query;
  if (bytes[0] & 1) query.since = WallTime(std::chrono::seconds(1'700'000'000));
  if (bytes[0] & 2) query.decision = "deny";
  if (bytes[0] & 4) query.text = "a";
  std::string whole, stepped;
  const AuditReadReport one =
      readInSteps(text, query, std::max<std::size_t>(text.size(), 1), whole);
  const AuditReadReport many = readInSteps(text, query, 1 + bytes[1], stepped);
  CHECK(whole == stepped);
  CHECK_EQ(one.lines, many.lines);
  CHECK_EQ(one.invalid, many.invalid);
  CHECK_LE(one.matched + one.invalid, one.lines);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  edgehold::readAnyBytes(bytes, size);
  return 0;
}
