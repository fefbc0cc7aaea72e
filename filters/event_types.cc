// SPDX-License-Identifier: Apache-2.0
// event_types {pointer: /event/type, known: [...], known_file: FILE}: what an agent was not built
// for does not reach it. The type is the one the channel verified; without a channel, the one that
// `pointer` finds in the body.
// Thread: any (immutable).
#include <unordered_set>
#include <utility>

#include "filters/filters.h"
#include "filters/value_source.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using KnownTypes = std::unordered_set<std::string, StringHash, std::equal_to<>>;

class EventTypes final : public Filter {
 public:
  EventTypes(std::optional<ValueSource> pointer, KnownTypes known)
      : pointer_(std::move(pointer)), known_(std::move(known)) {}

  FilterNeeds needs() const override {
    return {.request_body = bodyFor(pointer_.has_value()), .event = true, .on_release = true};
  }

  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    if (exchange.facts.event_type.empty() && pointer_) {
      const auto text = pointer_->find(exchange, services);
      if (!text) return Verdict::deny(text.error().reason, text.error().message);
      if (*text) exchange.facts.event_type = exchange.keepFact(**text);
    }
    const std::string_view type = exchange.facts.event_type;
    if (type.empty()) return Verdict::deny(Reason::kEventMissing);
    if (known_.contains(type)) return Verdict::proceed();
    return Verdict::deny(Reason::kEventUnknown, "event type " + quoteForMessage(type));
  }

 private:
  const std::optional<ValueSource> pointer_;
  const KnownTypes known_;
};

void addKnown(ConfigReader& config, std::string_view key, std::string_view type,
              KnownTypes& known) {
  // A fact is cut at this length, so a longer name would never be met.
  if (type.empty() || type.size() > limits::kFactBytesMax) {
    return config.reject(key, "an event type has 1 to 256 bytes");
  }
  known.emplace(type);
}
static_assert(limits::kFactBytesMax == 256, "the message above says so");

// One type a line; blank lines and what follows a `#` at the start of a line count for nothing.
void readFile(ConfigReader& config, const FilterBuild& build, KnownTypes& known) {
  const std::string path = config.text("known_file");
  if (path.empty()) return;
  const Result<std::string> text = build.files.read(path, limits::kConfigBytesMax);
  if (!text) return config.reject("known_file", text.error().message);
  for (std::string_view line : split(*text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = trimBlanks(line);
    if (!line.empty() && line.front() != '#') addKnown(config, "known_file", line, known);
  }
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  KnownTypes known;
  for (const std::string& type : config.texts("known")) addKnown(config, "known", type, known);
  readFile(config, build, known);
  if (known.empty()) config.reject("known", "names no event type, so every event is refused");
  std::optional<ValueSource> pointer = readPointer(config, "pointer");
  if (pointer) requireWholeBody(config, "pointer", build);
  config.finish();
  return std::make_unique<EventTypes>(std::move(pointer), std::move(known));
}

}  // namespace

FilterType eventTypesType() { return {"event_types", FilterRank::kEventTypes, make}; }

}  // namespace edgehold
