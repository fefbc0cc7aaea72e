// SPDX-License-Identifier: Apache-2.0
// Collects, merges, sorts and builds the filters of one route.
// Thread: main only.
#include "proxy/policy/filter_schema.h"

#include <algorithm>
#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Kind = ConfigNode::Kind;

// A filter that is named but not made yet.
struct Draft {
  enum class Origin : std::uint8_t { kSecurity, kDefault, kRoute };
  const FilterType* type = nullptr;
  const ConfigNode* config = nullptr;
  std::string path;
  std::string name;
  FilterMode mode = FilterMode::kEnforce;
  OnError on_error = OnError::kDeny;
  Origin origin = Origin::kRoute;
  bool is_off = false;
};

// Filters of one route on their way: the nodes that merging makes live as long.
class Drafts {
 public:
  Drafts(const FilterRegistry& registry, ConfigErrors& errors)
      : registry_(registry), errors_(errors) {}

  void addOuter(const std::vector<OuterFilter>& filters);
  void addEntries(const ConfigNode* list, const std::string& path, Draft::Origin origin);
  // Sorted by rank; what is off is out.
  std::vector<Draft> finish();

 private:
  void addEntry(const ConfigNode& entry, const std::string& path, Draft::Origin origin);
  void add(Draft draft, const ConfigPlace& place);
  bool replaces(const Draft& draft, const Draft& other) const;
  const FilterType* findType(std::string_view name, const ConfigPlace& place,
                             const std::string& path);
  void mergeHolds();
  void addHoldForRules();
  void makeNamesUnique();
  // The configuration of an entry that is only a name.
  const ConfigNode& nothingAt(const ConfigPlace& place) {
    made_.emplace_back().place = place;
    return made_.back();
  }

  const FilterRegistry& registry_;
  ConfigErrors& errors_;
  std::vector<Draft> drafts_;
  std::deque<ConfigNode> made_;
};

const FilterType* Drafts::findType(std::string_view name, const ConfigPlace& place,
                                   const std::string& path) {
  const FilterType* const type = registry_.find(name);
  if (type != nullptr) return type;
  std::string message = "unknown filter " + quoteForMessage(name);
  if (const auto nearest = nearestOf(name, registry_.names())) {
    message.append(", did you mean `").append(*nearest).append("`?");
  }
  errors_.add(place, path, message);
  return nullptr;
}

void Drafts::addOuter(const std::vector<OuterFilter>& filters) {
  for (const OuterFilter& filter : filters) {
    Draft draft;
    draft.type = findType(filter.type, filter.config.place, filter.path);
    if (draft.type == nullptr) continue;
    draft.config = &filter.config;
    draft.path = filter.path;
    draft.name = filter.name;
    draft.origin = Draft::Origin::kSecurity;
    drafts_.push_back(std::move(draft));
  }
}

void Drafts::addEntries(const ConfigNode* list, const std::string& path, Draft::Origin origin) {
  if (list == nullptr || list->kind == Kind::kNull) return;
  if (list->kind != Kind::kList) {
    return errors_.add(list->place, path, "expected a list such as `- ip_access: {...}`");
  }
  if (list->items.size() > limits::kRouteFiltersMax) {
    return errors_.add(list->place, path,
                       "at most " + std::to_string(limits::kRouteFiltersMax) + " filters");
  }
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    addEntry(list->items[i], path + "[" + std::to_string(i) + "]", origin);
  }
}

// `- dedupe` or `- dedupe: {window: 10m}`.
void Drafts::addEntry(const ConfigNode& entry, const std::string& path, Draft::Origin origin) {
  const bool is_name = entry.kind == Kind::kScalar;
  if (!is_name && (entry.kind != Kind::kMap || entry.members.size() != 1)) {
    return errors_.add(entry.place, path,
                       "expected one filter such as `ip_access: {...}`; a further filter starts "
                       "with its own `-`");
  }
  Draft draft;
  const std::string& type = is_name ? entry.scalar : entry.members.front().first;
  draft.type = findType(type, entry.place, path);
  if (draft.type == nullptr) return;
  draft.config = is_name ? &nothingAt(entry.place) : &entry.members.front().second;
  draft.path = path + "." + type;
  draft.origin = origin;

  enum class Mode : std::uint8_t { kEnforce, kShadow, kOff };
  ConfigReader common(*draft.config, draft.path, errors_);
  const Mode mode = common.choice<Mode>(
      "mode", Mode::kEnforce,
      {{"enforce", Mode::kEnforce}, {"shadow", Mode::kShadow}, {"off", Mode::kOff}});
  draft.is_off = mode == Mode::kOff;
  draft.mode = mode == Mode::kShadow ? FilterMode::kShadow : FilterMode::kEnforce;
  draft.on_error = common.choice<OnError>("on_error", OnError::kDeny,
                                          {{"deny", OnError::kDeny}, {"allow", OnError::kAllow}});
  draft.name = common.text("name", type);
  checkName(common, "name", draft.name);
  add(std::move(draft), entry.place);
}

bool Drafts::replaces(const Draft& draft, const Draft& other) const {
  return other.origin == Draft::Origin::kDefault && other.type == draft.type &&
         (other.name == draft.name || !draft.type->may_repeat);
}

void Drafts::add(Draft draft, const ConfigPlace& place) {
  if (draft.origin == Draft::Origin::kRoute) {
    std::erase_if(drafts_, [&](const Draft& other) { return replaces(draft, other); });
  }
  const auto repeats = [&](const Draft& other) {
    return other.origin == draft.origin && other.type == draft.type && !draft.type->may_repeat;
  };
  if (std::any_of(drafts_.begin(), drafts_.end(), repeats)) {
    errors_.add(place, draft.path, "given twice; this filter may stand once");
  }
  drafts_.push_back(std::move(draft));
}

// A route has one approval_hold: its own, with the actions of `security` added.
void Drafts::mergeHolds() {
  const auto is_hold = [](const Draft& draft) {
    return draft.type->rank == FilterRank::kApprovalHold && !draft.is_off;
  };
  const auto outer = std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& draft) {
    return is_hold(draft) && draft.origin == Draft::Origin::kSecurity;
  });
  // One in shadow mode holds nothing: `security` keeps its own then.
  const auto own = std::find_if(drafts_.begin(), drafts_.end(), [&](const Draft& draft) {
    return is_hold(draft) && draft.origin != Draft::Origin::kSecurity &&
           draft.mode == FilterMode::kEnforce;
  });
  if (outer == drafts_.end() || own == drafts_.end()) return;
  made_.push_back(mergeHoldActions(*own->config, *outer->config));
  own->config = &made_.back();
  own->on_error = OnError::kDeny;
  drafts_.erase(outer);
}

// A rule may ask for a hold, and without an approval_hold nobody would hear it and the request
// would pass. One that the operator wrote counts, whatever its mode: that was a choice.
void Drafts::addHoldForRules() {
  const auto has = [this](FilterRank rank) {
    return std::find_if(drafts_.begin(), drafts_.end(),
                        [rank](const Draft& draft) { return draft.type->rank == rank; });
  };
  const auto rules = has(FilterRank::kRules);
  if (rules == drafts_.end() || has(FilterRank::kApprovalHold) != drafts_.end()) return;
  Draft hold;
  hold.type = registry_.find("approval_hold");
  if (hold.type == nullptr || rules->is_off) return;
  hold.config = &nothingAt({});
  hold.path = rules->path;
  hold.name = hold.type->name;
  hold.origin = Draft::Origin::kSecurity;
  drafts_.push_back(std::move(hold));
}

// Two filters of one type need no names, but audit records and metrics do.
void Drafts::makeNamesUnique() {
  for (std::size_t i = 0; i < drafts_.size(); ++i) {
    const std::string base = drafts_[i].name;
    for (int number = 2;; ++number) {
      const auto same = [&](const Draft& other) { return other.name == drafts_[i].name; };
      const auto end = drafts_.begin() + static_cast<std::ptrdiff_t>(i);
      if (std::none_of(drafts_.begin(), end, same)) break;
      drafts_[i].name = base + "-" + std::to_string(number);
    }
  }
}

std::vector<Draft> Drafts::finish() {
  mergeHolds();
  addHoldForRules();
  std::erase_if(drafts_, [](const Draft& draft) { return draft.is_off; });
  std::stable_sort(drafts_.begin(), drafts_.end(),
                   [](const Draft& a, const Draft& b) { return a.type->rank < b.type->rank; });
  makeNamesUnique();
  return std::move(drafts_);
}

bool hasMember(const ConfigNode& map, std::string_view key) {
  const auto isIt = [key](const auto& member) { return member.first == key; };
  return std::any_of(map.members.begin(), map.members.end(), isIt);
}

const Draft* draftOf(const std::vector<Draft>& drafts, FilterRank rank) {
  const auto isIt = [rank](const Draft& draft) { return draft.type->rank == rank; };
  const auto found = std::find_if(drafts.begin(), drafts.end(), isIt);
  return found == drafts.end() ? nullptr : &*found;
}

// An approval_hold to which nothing can ever come lets everything pass, and looks as if it did not.
std::optional<std::string> doubtOfHold(const std::vector<Draft>& drafts) {
  const Draft* const hold = draftOf(drafts, FilterRank::kApprovalHold);
  if (hold == nullptr || draftOf(drafts, FilterRank::kRules) != nullptr) return std::nullopt;
  if (!hasMember(*hold->config, "actions")) {
    return "`" + hold->name +
           "` holds nothing: name `actions` in it, or in `security.actions.require_approval_for`";
  }
  if (draftOf(drafts, FilterRank::kActionClass) != nullptr) return std::nullopt;
  return "nothing names the action of a request, so `" + hold->name +
         "` holds none; add `action_class` or `lua_rules`";
}

// What looks at a verified event, where no channel verifies one and nothing else is named.
std::optional<std::string> doubtOfEvent(const std::vector<Draft>& drafts, const Draft& draft) {
  struct Row {
    FilterRank rank;
    std::string_view key, other_key;  // either says where to look instead
  };
  constexpr std::array<Row, 3> kRows = {{{FilterRank::kReplayWindow, "header", "pointer"},
                                         {FilterRank::kEventTypes, "pointer", "pointer"},
                                         {FilterRank::kDedupe, "id", "id"}}};
  for (const Row& row : kRows) {
    if (row.rank != draft.type->rank || hasMember(*draft.config, row.key) ||
        hasMember(*draft.config, row.other_key)) {
      continue;
    }
    if (draftOf(drafts, FilterRank::kChannel) != nullptr) return std::nullopt;
    return "`" + draft.name + "` has no event to judge: add `channel`, or say with `" +
           std::string(row.key) + "` where to look";
  }
  return std::nullopt;
}

// Valid, and hardly meant.
void warnOfDoubts(const std::vector<Draft>& drafts, std::string_view route,
                  std::vector<std::string>& warnings) {
  const auto warn = [&](const std::optional<std::string>& doubt) {
    if (doubt) warnings.push_back("route `" + std::string(route) + "`: " + *doubt);
  };
  for (const Draft& draft : drafts) warn(doubtOfEvent(drafts, draft));
  warn(doubtOfHold(drafts));
}

}  // namespace

FilterSchema::FilterSchema(SchemaScope& scope, SecretSource& secrets, const SecurityBlock& security,
                           const ConfigNode* defaults)
    : scope_(scope), secrets_(secrets), security_(security), defaults_(defaults) {}

std::vector<ChainEntry> FilterSchema::read(const ConfigNode* filters, const std::string& path,
                                           std::string_view route, ConfigErrors& errors) {
  Drafts drafts(scope_.registry, errors);
  drafts.addOuter(security_.outer_filters);
  drafts.addEntries(defaults_, "defaults.filters", Draft::Origin::kDefault);
  drafts.addEntries(filters, path, Draft::Origin::kRoute);

  std::vector<ChainEntry> chain;
  std::vector<Draft> sorted = drafts.finish();
  warnOfDoubts(sorted, route, scope_.warnings);
  for (Draft& draft : sorted) {
    if (errors.isFull()) break;
    ConfigReader config(*draft.config, draft.path, errors);
    for (const char* const key : {"mode", "on_error", "name"}) config.has(key);
    auto filter = draft.type->make(config, FilterBuild{.secrets = secrets_,
                                                       .files = scope_.files,
                                                       .route = route,
                                                       .upstreams = scope_.upstreams});
    if (filter == nullptr) {
      if (errors.empty()) errors.add(config.place(), draft.path, "cannot be built");
      continue;
    }
    FilterOutline outline{std::string(draft.type->name),
                          draft.name,
                          draft.path,
                          draft.mode == FilterMode::kEnforce,
                          draft.on_error == OnError::kDeny,
                          {}};
    readOutlineLists(*draft.config, scope_.files, outline);
    scope_.outline[std::string(route)].push_back(std::move(outline));
    const FilterNeeds needs = filter->needs();
    if (needs.client_certificate && !scope_.verifies_clients) {
      errors.add(config.place(), draft.path,
                 "no listener verifies client certificates, so every request would be refused: "
                 "give one a `tls.client_ca`");
    }
    chain.push_back({std::move(draft.name), std::move(filter), draft.mode, draft.on_error, needs});
  }
  return chain;
}

}  // namespace edgehold
