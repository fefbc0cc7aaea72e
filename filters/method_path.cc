// SPDX-License-Identifier: Apache-2.0
// method_path {methods: [...], paths: [...]}: which parts of an agent's surface are reachable at
// all. Paths first: who may not know that something is there is not told its methods.
// Thread: any (immutable).
#include <algorithm>
#include <utility>

#include "filters/filters.h"
#include "filters/grammar.h"

namespace edgehold {
namespace {

class MethodPath final : public Filter {
 public:
  MethodPath(std::vector<std::string> methods, std::vector<PathPattern> paths)
      : methods_(std::move(methods)), paths_(std::move(paths)) {
    for (const std::string& method : methods_) {
      if (!allow_.empty()) allow_ += ", ";
      allow_ += method;
    }
  }

  FilterNeeds needs() const override { return {.on_release = true}; }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    const RequestHead& request = exchange.request;
    const auto isPath = [&](const PathPattern& one) { return one.matches(request.target.path); };
    if (!paths_.empty() && std::none_of(paths_.begin(), paths_.end(), isPath)) {
      return Verdict::deny(Reason::kRouteNotFound).byRule("paths");
    }
    if (methods_.empty() || isAllowed(request.method_token)) return Verdict::proceed();
    Verdict verdict = Verdict::deny(Reason::kMethodNotAllowed).byRule("methods");
    // RFC 9110 15.5.6: a 405 says which methods there are.
    verdict.mutableReply().headers.emplace_back("Allow", allow_);
    return verdict;
  }

 private:
  bool isAllowed(std::string_view method) const {
    return std::find(methods_.begin(), methods_.end(), method) != methods_.end();
  }

  const std::vector<std::string> methods_;  // empty: any
  const std::vector<PathPattern> paths_;    // empty: any
  std::string allow_;                       // const after construction
};

std::vector<std::string> readMethods(ConfigReader& config) {
  std::vector<std::string> methods = config.texts("methods");
  for (const std::string& method : methods) {
    if (!isMethodName(method)) config.reject("methods", "`" + method + "` is no method");
  }
  const auto has = [&](std::string_view name) {
    return std::find(methods.begin(), methods.end(), name) != methods.end();
  };
  // RFC 9110 9.3.2: HEAD is GET without the content.
  if (has("GET") && !has("HEAD")) methods.emplace_back("HEAD");
  return methods;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& /*build*/) {
  std::vector<std::string> methods = readMethods(config);
  std::vector<PathPattern> paths;
  for (const std::string& text : config.texts("paths")) {
    Result<PathPattern> pattern = PathPattern::parse(text);
    if (pattern) {
      paths.push_back(*std::move(pattern));
    } else {
      config.reject("paths", pattern.error().message);
    }
  }
  if (methods.empty() && paths.empty()) config.reject("methods", "needs `methods` or `paths`");
  config.finish();
  return std::make_unique<MethodPath>(std::move(methods), std::move(paths));
}

}  // namespace

FilterType methodPathType() {
  return {"method_path", FilterRank::kMethodPath, make, /*may_repeat=*/true};
}

}  // namespace edgehold
