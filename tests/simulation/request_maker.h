// SPDX-License-Identifier: Apache-2.0
// The requests that simulated clients make, and what the two policies of the simulation owe each.
// Thread: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "tests/support/fake_random.h"

namespace edgehold::simulation {

inline constexpr std::string_view kSecret = "a secret that signs events, 32+ bytes";

// Both policies have a route /open, which streams and checks nothing, and a route /hook with the
// whole chain. They differ in the events that they know: `alpha` and `beta`.
std::string policyText(std::string_view known_event);
inline constexpr std::array<std::string_view, 2> kKnownEvents = {"alpha", "beta"};

struct Request {
  std::uint64_t number = 0;  // also in its path
  std::string wire;          // its bytes
  std::size_t head_bytes = 0;
  std::string body;
  std::string event_id;                           // empty when it has none
  std::array<bool, 2> may_pass = {false, false};  // under either policy
  bool needs_yes = false;                         // never without a person
  bool needs_whole_body = false;                  // nothing leaves before its last byte has come
  bool is_head = false;
  bool is_repeatable = false;    // may be sent to the agent again after a failure
  bool ends_connection = false;  // the server must close behind it
};

class RequestMaker {
 public:
  explicit RequestMaker(FakeRandom& random) : random_(random) {}
  Request make(WallTime now);

 private:
  std::uint64_t below(std::uint64_t end) { return random_.next() % end; }
  void makeOpen(Request& request);
  void makeEvent(Request& request, WallTime now);
  void makeMalformed(Request& request);
  std::string eventId();

  FakeRandom& random_;
  std::uint64_t last_number_ = 0;
  std::vector<std::string> event_ids_;
};

}  // namespace edgehold::simulation
