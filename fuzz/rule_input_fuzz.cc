// SPDX-License-Identifier: Apache-2.0
// Any request against rules like the shipped ones: a verdict or a rule error, never a spent budget
// that small bodies could cause, never a crash. The first line of the input is method, path and
// query, header lines follow, and behind an empty line the body. Thread: one loop.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>

#include "lua/runtime/rule_engine.h"
#include "proxy/base/random.h"

namespace edgehold {
namespace {

std::string_view takeLine(std::string_view& rest) {
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
  return line;
}

void fill(Exchange& exchange, std::string_view input) {
  std::string_view first = takeLine(input);
  exchange.request.method_token = first.substr(0, first.find(' '));
  first.remove_prefix(exchange.request.method_token.size());
  exchange.request.target.path = first.substr(0, first.find('?'));
  first.remove_prefix(exchange.request.target.path.size());
  exchange.request.target.query = first.empty() ? first : first.substr(1);
  while (!input.empty()) {
    const std::string_view line = takeLine(input);
    if (line.empty() || exchange.request.headers.size() >= 100) break;
    const std::size_t colon = line.find(':');
    exchange.request.headers.add(
        Header{line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 1),
               HeaderId::kOther});
  }
  exchange.body.append(input);
  exchange.is_body_complete = true;
}

// Reads everything there is, by every way there is.
constexpr const char* kReader =
    "local function walk(value, depth)\n"
    "  if depth > 70 then return 1 end\n"
    "  local count = 1\n"
    "  if json.kind(value) == 'object' or json.kind(value) == 'array' then\n"
    "    for key, child in json.each(value) do\n"
    "      if child ~= value[key] and json.kind(child) ~= 'object' and json.kind(child) ~= "
    "'array'\n"
    "        and child == child then error('two ways, two values') end\n"
    "      count = count + walk(child, depth + 1)\n"
    "    end\n"
    "  end\n"
    "  return count\n"
    "end\n"
    "return { id = 'reader', check = function(request)\n"
    "  tag('count', tostring(walk(request.json, 0)))\n"
    "  local a = request.query_args.a\n"
    "  local b = request.headers['x-a']\n"
    "  local c = request.headers:get('')\n"
    "end }";

std::shared_ptr<const RuleSet> loadRules() {
  // Before the reader, so that an error of theirs is found; EDGEHOLD_RULES is the shipped folder.
  auto shipped = RuleSet::load(EDGEHOLD_RULES);
  if (!shipped) std::abort();
  std::vector<RuleSource> sources = (*shipped)->sources();
  sources.push_back({"rules/zz_reader.lua", kReader});
  RuleBudgets budgets;
  budgets.instructions = 20'000'000;
  budgets.memory_bytes = 64 * 1024 * 1024;
  budgets.wall = std::chrono::seconds(5);
  auto rules = RuleSet::fromSources(std::move(sources), budgets);
  if (!rules) std::abort();
  return *rules;
}

}  // namespace

void judge(std::string_view input) {
  static const SystemClock clock;
  static SystemRandom random;
  static JsonPool pool(random);
  static const auto rules = loadRules();
  static RuleEngine engine(*rules, clock);
  Exchange exchange;
  fill(exchange, input);
  const auto verdict = engine.evaluate(exchange, pool);
  if (verdict) return;
  const std::string& why = verdict.error().message;
  // A repeated query parameter is the one error that a request may cause in these rules.
  if (why.find("is repeated") == std::string::npos) {
    fprintf(stderr, "%s\n", why.c_str());
    std::abort();
  }
}

}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  edgehold::judge(std::string_view(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
