// SPDX-License-Identifier: Apache-2.0
// replay_window {past: 5m, future: 1m, header: X-Timestamp | pointer: /ts, unit: seconds}: an event
// must be fresh. Without `header` and `pointer` it is the time that the channel verified, which is
// the only one an attacker cannot rewrite. Both borders are inside.
// Thread: any (immutable).
#include <utility>

#include "filters/filters.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/loop.h"

namespace edgehold {
namespace {

class ReplayWindow final : public Filter {
 public:
  struct Parts {
    std::int64_t past_ms = 0;
    std::int64_t future_ms = 0;
    TimeUnit unit = TimeUnit::kSeconds;
    std::optional<ValueSource> source;  // none: the fact
  };
  explicit ReplayWindow(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override {
    const bool needs_body = parts_.source && parts_.source->needsBody();
    return {.request_body = bodyFor(needs_body)};
  }
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    return isInHead() ? judge(exchange, services) : Verdict::proceed();
  }
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    return isInHead() ? Verdict::proceed() : judge(exchange, services);
  }

 private:
  bool isInHead() const { return parts_.source && parts_.source->isInHead(); }

  Verdict judge(Exchange& exchange, Services& services) const {
    std::optional<std::int64_t> time_ms = exchange.facts.timestamp_ms;
    if (parts_.source) {
      const auto text = parts_.source->find(exchange, services);
      if (!text) return Verdict::deny(text.error().reason, text.error().message);
      time_ms = *text ? parseTimestamp(**text, parts_.unit) : std::nullopt;
    }
    if (!time_ms) return Verdict::deny(Reason::kTimestampMissing);
    if (!exchange.facts.timestamp_ms) exchange.facts.timestamp_ms = time_ms;
    const std::int64_t age_ms = unixMilliseconds(services.loop.clock().wallNow()) - *time_ms;
    if (age_ms <= parts_.past_ms && -age_ms <= parts_.future_ms) return Verdict::proceed();
    return Verdict::deny(Reason::kTimestampOutsideWindow,
                         "the event is " + std::to_string(age_ms) + " ms old")
        .byRule(age_ms > 0 ? "past" : "future");
  }

  const Parts parts_;
};

std::int64_t readMilliseconds(ConfigReader& config, std::string_view key, Duration otherwise) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(config.duration(key, otherwise))
      .count();
}

std::optional<ValueSource> readSource(ConfigReader& config) {
  if (!config.has("header")) return readPointer(config, "pointer");
  if (config.has("pointer")) config.reject("pointer", "give `header` or `pointer`, not both");
  Result<ValueSource> source = ValueSource::parse("header:" + config.text("header"));
  if (source) return *std::move(source);
  config.reject("header", source.error().message);
  return std::nullopt;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  using namespace std::chrono_literals;
  ReplayWindow::Parts parts;
  parts.past_ms = readMilliseconds(config, "past", 5min);
  parts.future_ms = readMilliseconds(config, "future", 1min);
  parts.unit = readTimeUnit(config);
  parts.source = readSource(config);
  if (parts.source && parts.source->needsBody()) requireWholeBody(config, "pointer", build);
  config.finish();
  return std::make_unique<ReplayWindow>(std::move(parts));
}

}  // namespace

FilterType replayWindowType() { return {"replay_window", FilterRank::kReplayWindow, make}; }

}  // namespace edgehold
