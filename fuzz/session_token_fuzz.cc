// SPDX-License-Identifier: Apache-2.0
// A session token opens only as it was sealed: what a stranger writes is none, one of ours changed
// anywhere is none, and one that opens says what went in. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "filters/sessions/session_token.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

const SessionSeal& seal() {
  static const SessionSeal* const kSeal = [] {
    SealingKeys keys;
    keys.push_back(
        {AeadKey("a key that nobody else has, of some length", SessionSeal::kPurpose), Validity{}});
    return new SessionSeal("wx1", std::move(keys));
  }();
  return *kSeal;
}

constexpr WallTime kNow{std::chrono::seconds(1'795'176'000)};

void checkForeign(std::string_view token) {
  const auto opened = seal().open(token, kNow);
  CHECK(!opened);  // nobody finds a tag of 128 bits
  CHECK(opened.error().reason == Reason::kCredentialsInvalid);
}

// The first byte says which one of the token is changed, the second to what, the rest is the user.
void checkOwn(std::string_view bytes) {
  FakeRandom random;
  Session session;
  session.until = session.idle_until = unixSeconds(kNow) + 60;
  session.idle_seconds = 60;
  session.subject = bytes.substr(2, kSessionSubjectBytesMax);
  if (session.subject.empty()) return;
  const auto token = seal().seal(session, kNow, random);
  CHECK(token && token->size() <= limits::kSessionTokenBytesMax);
  CHECK(*seal().open(*token, kNow) == session);
  std::string changed = *token;
  char& letter = changed[static_cast<unsigned char>(bytes[0]) % changed.size()];
  const bool is_changed = letter != bytes[1];
  letter = bytes[1];
  if (is_changed) checkForeign(changed);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  edgehold::checkForeign(bytes);
  if (bytes.size() > 2) edgehold::checkOwn(bytes);
  return 0;
}
