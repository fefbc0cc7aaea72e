// SPDX-License-Identifier: Apache-2.0
// What every implementation of Counters must do. A room of tests instantiates it once for each.
// Thread: main only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "proxy/state/counters.h"

namespace edgehold {

struct CountersMaker {
  std::string name;
  std::function<std::unique_ptr<Counters>()> make;
};

class CountersContract : public testing::TestWithParam<CountersMaker> {
 protected:
  CountersContract() : counters(GetParam().make()) {}
  CounterKey key(ByteView name) const { return counters->key({"test", name}); }

  std::unique_ptr<Counters> counters;
  Instant now{std::chrono::hours(1)};
};

}  // namespace edgehold
