// SPDX-License-Identifier: Apache-2.0
// Any Lua text as a rule file: it may fail in every way there is, but never crash, hang or write to
// what others see. Thread: one loop.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "lua/runtime/rule_engine.h"
#include "proxy/base/random.h"

namespace edgehold {
namespace {

// What a rule must still find after the fuzzed one has had its way in the same state.
constexpr const char* kWitness =
    "return { id = 'zz_witness', check = function(request)\n"
    "  if string.find('abc', 'b') ~= 2 or ('x'):rep(3) ~= 'xxx' or request.json.a ~= 1 or\n"
    "    match.count(request.json.b) ~= 2 or now.unix ~= 5 then error('the sandbox leaks') end\n"
    "  return deny('witness')\n"
    "end }";

void runOnce(RuleEngine& engine, JsonPool& pool) {
  Exchange exchange;
  exchange.request.method_token = "POST";
  exchange.request.target.path = "/x";
  exchange.started_wall = WallTime(std::chrono::seconds(5));
  exchange.body.append(R"({"a":1,"b":[1,2]})");
  exchange.is_body_complete = true;
  const auto verdict = engine.evaluate(exchange, pool);
  // The witness ran: it must have seen the world as it should be.
  if (!verdict && engine.failedRule() == "zz_witness") std::abort();
}

}  // namespace

void tryRule(const std::string& text) {
  static const SystemClock clock;
  static SystemRandom random;
  static JsonPool pool(random);
  // A text that names its check is a whole file, any other the inside of one.
  const bool is_file = text.find("check") != std::string::npos;
  const std::string source =
      is_file ? text : "return { id = 'fuzzed', check = function(request) " + text + "\nend }";
  RuleBudgets budgets;
  // Sanitizers are slow: only a loop that nobody counts may take longer than this.
  budgets.wall = std::chrono::seconds(2);
  budgets.instructions = 50'000;
  const auto rules =
      RuleSet::fromSources({{"rules/f.lua", source}, {"rules/z.lua", kWitness}}, budgets);
  if (!rules) return;
  RuleEngine engine(**rules, clock);
  runOnce(engine, pool);
  runOnce(engine, pool);
}

}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  edgehold::tryRule(std::string(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
