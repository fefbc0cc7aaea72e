// SPDX-License-Identifier: Apache-2.0
// action_class {catalogue: FILE | rows: [{action, method, path, when, name}], otherwise: {GET:
// read, "*": write}, deny: [actions]}: names what a request does. First matching row wins. Where a
// row's conditions cannot be judged, because the body is no JSON, the request is refused: guessing
// would let a sender choose its class by garbling the body. A message of an inspected WebSocket has
// the method `MESSAGE`, and its payload for a body.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <utility>

#include "filters/condition.h"
#include "filters/filters.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

constexpr std::string_view kAnyMethod = "*";

struct Row {
  std::string name;
  std::string action;
  std::string method;  // or `*`
  PathPattern path;
  Conditions when;
  bool is_denied = false;
};

// For requests that no row matches.
struct Fallback {
  std::string name;
  std::string method;  // or `*`
  std::string action;
  bool is_denied = false;
};

struct Catalogue {
  std::vector<Row> rows;
  std::vector<Fallback> otherwise;  // `*` last
};

class ActionClass final : public Filter {
 public:
  explicit ActionClass(Catalogue catalogue) : catalogue_(std::move(catalogue)) {
    needs_body_ = std::any_of(catalogue_.rows.begin(), catalogue_.rows.end(),
                              [](const Row& row) { return row.when.needsBody(); });
  }

  FilterNeeds needs() const override {
    return {.request_body = bodyFor(needs_body_), .ws_messages = true, .on_release = true};
  }
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    return needs_body_ ? Verdict::proceed() : judge(exchange, services);
  }
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    return needs_body_ ? judge(exchange, services) : Verdict::proceed();
  }
  Outcome onMessage(Exchange& exchange, Services& services) const override {
    return judge(exchange, services);
  }

 private:
  Verdict judge(Exchange& exchange, Services& services) const {
    const RequestHead& request = exchange.request;
    for (const Row& row : catalogue_.rows) {
      if (row.method != kAnyMethod && row.method != request.method_token) continue;
      if (!row.path.matchesInAnyCase(request.target.path)) continue;
      if (row.when.empty()) return name(exchange, row);
      const Result<bool> holds = row.when.hold(exchange, services);
      if (!holds) {
        return Verdict::deny(holds.error().reason, holds.error().message).byRule(row.name);
      }
      if (*holds) return name(exchange, row);
    }
    for (const Fallback& fallback : catalogue_.otherwise) {
      if (fallback.method == kAnyMethod || fallback.method == request.method_token) {
        return name(exchange, fallback);
      }
    }
    return Verdict::deny(Reason::kActionDenied, "no row and no `otherwise` names this request");
  }

  template <class Named>
  static Verdict name(Exchange& exchange, const Named& named) {
    // A shadow's action would make approval_hold act on it; the tag shows it in the audit instead.
    if (!exchange.is_shadow) {
      exchange.facts.action = named.action;
    } else if (exchange.facts.tags.size() < limits::kTagCountMax) {
      exchange.facts.tags.emplace_back("shadow_action", named.action);
    }
    if (named.is_denied) {
      return Verdict::deny(Reason::kActionDenied, "action `" + named.action + "`")
          .byRule(named.name);
    }
    return Verdict::proceed().byRule(named.name);
  }

  const Catalogue catalogue_;
  bool needs_body_ = false;  // const after construction
};

bool isActionName(std::string_view text) {
  return !text.empty() && text.size() <= 64 && isToken(text);
}

void readRow(ConfigReader& config, std::size_t number, Catalogue& catalogue) {
  Row row;
  row.action = config.requiredText("action");
  if (!row.action.empty() && !isActionName(row.action)) config.reject("action", "is no name");
  row.name = config.text("name", row.action + "#" + std::to_string(number));
  row.method = config.text("method", kAnyMethod);
  if (!isMethodName(row.method)) {  // kAnyMethod is one
    config.reject("method", quoteForMessage(row.method) + " is no method, write `POST`");
  }
  Result<PathPattern> path = PathPattern::parse(config.requiredText("path"));
  if (!path && config.has("path")) config.reject("path", path.error().message);
  row.when = Conditions::read(config, "when");
  config.text("note");  // for readers of the catalogue
  config.finish();
  if (!path) return;
  row.path = *std::move(path);
  catalogue.rows.push_back(std::move(row));
}

void readRows(ConfigReader& config, Catalogue& catalogue) {
  std::vector<ConfigReader> rows = config.children("rows");
  if (rows.size() > limits::kCatalogueRowsMax) return config.reject("rows", "more than 4096 rows");
  static_assert(limits::kCatalogueRowsMax == 4096, "the message above says so");
  for (std::size_t i = 0; i < rows.size(); ++i) readRow(rows[i], i + 1, catalogue);
}

void readCatalogueFile(ConfigReader& config, const FilterBuild& build, Catalogue& catalogue) {
  if (!config.has("catalogue")) return;
  if (config.has("rows")) config.reject("catalogue", "give `catalogue` or `rows`, not both");
  const std::string file = config.requiredText("catalogue");
  // Read here first: the mistake is told where the file is named.
  if (const auto text = build.files.read(file, limits::kConfigBytesMax); !text) {
    return config.reject("catalogue", text.error().message);
  }
  const ConfigNode* const node = build.files.config(file, config.errors());
  if (node == nullptr) return;
  ConfigReader reader(*node, file, config.errors());
  readRows(reader, catalogue);
  reader.finish();
}

void readOtherwise(ConfigReader& config, Catalogue& catalogue) {
  const ConfigNode* const node = config.find("otherwise");
  if (node == nullptr) {
    for (const std::string_view method : {"GET", "HEAD"}) {
      catalogue.otherwise.push_back({"otherwise", std::string(method), "read"});
    }
    catalogue.otherwise.push_back({"otherwise", std::string(kAnyMethod), "write"});
    return;
  }
  if (node->kind != ConfigNode::Kind::kMap) {
    return config.reject("otherwise", "expected a map such as `{GET: read, \"*\": write}`");
  }
  for (const auto& [method, action] : node->members) {
    if (!isMethodName(method) || !isActionName(action.scalar)) {
      config.reject("otherwise", "`" + method + "`: expected a method and the name of an action");
    }
    catalogue.otherwise.push_back({"otherwise", method, action.scalar});
  }
  std::stable_partition(catalogue.otherwise.begin(), catalogue.otherwise.end(),
                        [](const Fallback& one) { return one.method != kAnyMethod; });
}

void readDenied(ConfigReader& config, Catalogue& catalogue) {
  for (const std::string& action : config.texts("deny")) {
    bool is_known = false;
    for (Row& row : catalogue.rows) {
      if (row.action == action) is_known = row.is_denied = true;
    }
    for (Fallback& fallback : catalogue.otherwise) {
      if (fallback.action == action) is_known = fallback.is_denied = true;
    }
    // A denial that can never happen is a misspelt one.
    if (!is_known) config.reject("deny", "no row names the action " + quoteForMessage(action));
  }
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  Catalogue catalogue;
  readRows(config, catalogue);
  readCatalogueFile(config, build, catalogue);
  readOtherwise(config, catalogue);
  readDenied(config, catalogue);
  for (const Row& row : catalogue.rows) {
    if (row.when.needsBody()) requireWholeBody(config, "rows", build);
  }
  config.finish();
  return std::make_unique<ActionClass>(std::move(catalogue));
}

}  // namespace

FilterType actionClassType() { return {"action_class", FilterRank::kActionClass, make}; }

}  // namespace edgehold
