// SPDX-License-Identifier: Apache-2.0
// Any bytes as a configuration: a snapshot or messages, never both, never neither, in bounded time.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/policy/loader.h"
#include "tests/policy/policy_fakes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using edgehold::limits::kConfigErrorsMax;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const edgehold::FakeRegistry fakes;
  const edgehold::FakeClock clock;
  const edgehold::LoadTools tools{fakes.registry(), clock,
                                  [](const std::string& name) { return std::optional(name); }};
  // A folder that is not there: what the input names in it does not exist, on any machine.
  const auto result = edgehold::loadPolicyText(text, "/nonexistent/edgehold/e.yaml", tools);
  CHECK(result.errors.empty() == (result.snapshot != nullptr));
  CHECK(result.errors.size() <= kConfigErrorsMax);
  if (result.snapshot == nullptr) return 0;
  CHECK(!result.snapshot->routes().empty());
  for (const auto& route : result.snapshot->routes()) {
    result.snapshot->match("bot.example.com:8443", route->match().path);
  }
  CHECK(edgehold::checkReloadable(*result.snapshot, *result.snapshot).has_value());
  return 0;
}
