// SPDX-License-Identifier: Apache-2.0
// The `state` of rule tests: rates by the time of the test's requests, and amounts that a test
// sets. Thread: main only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "lua/runtime/rule_memory.h"

namespace edgehold {

class TestMemory final : public RuleMemory {
 public:
  Taken take(std::string_view rule, std::string_view key, const Rate& rate) override;

  void setNow(Duration since_epoch) { now_ = since_epoch; }
  // From here on so many tokens of `key` are left, whatever its rate says, and none comes back.
  void setLeft(std::string_view key, std::uint64_t tokens);
  void clear();

 private:
  Duration now_{};
  std::map<std::string, Duration, std::less<>> full_again_at_;  // by rate and key
  std::map<std::string, std::uint64_t, std::less<>> left_;      // by key, as set
};

}  // namespace edgehold
