// SPDX-License-Identifier: Apache-2.0
// channel {dialect: hmac, name: my-bot, …}: who signed this. Verifies the callback by its dialect
// (channels/) and fills the facts that the later filters live on.
// Thread: any (immutable).
#include "filters/channels/channel.h"

#include <utility>
#include <vector>

#include "filters/filters.h"
#include "filters/value_source.h"

namespace edgehold {
namespace {

class ChannelFilter final : public Filter {
 public:
  ChannelFilter(std::string name, std::unique_ptr<const Channel> channel)
      : name_(std::move(name)), channel_(std::move(channel)) {}

  FilterNeeds needs() const override { return {.request_body = FilterNeeds::Body::kWhole}; }

  Outcome onRequestHead(Exchange& exchange, Services& /*services*/) const override {
    Result<void> checked = channel_->checkHead(exchange);
    if (checked) return Verdict::proceed();
    return channel_->refuse(std::move(checked).error());
  }

  // Refusals are verdicts, never errors: what `on_error` opens must not be open to forgeries.
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    Result<Received> received = channel_->receive(exchange, services);
    if (!received) return channel_->refuse(std::move(received).error());
    if (received->handshake) {
      return Verdict::respond(Reason::kAllowed, *std::move(received->handshake), "handshake");
    }
    Facts& facts = exchange.facts;
    facts.principal = facts.channel = name_;
    facts.event_id = received->facts.event_id;
    facts.event_type = received->facts.event_type;
    facts.group = received->facts.group;
    facts.sender = received->facts.sender;
    facts.timestamp_ms = received->facts.timestamp_ms;
    exchange.acknowledger = channel_.get();
    return Verdict::proceed();
  }

 private:
  const std::string name_;
  const std::unique_ptr<const Channel> channel_;
};

std::optional<ChannelDialect> findDialect(ConfigReader& config) {
  const std::vector<ChannelDialect> dialects = {hmacDialect()};
  std::vector<ConfigChoice<const ChannelDialect*>> choices;
  for (const ChannelDialect& dialect : dialects) choices.push_back({dialect.name, &dialect});
  if (!config.has("dialect")) config.reject("dialect", "needs a dialect such as `hmac`");
  const auto* const chosen = config.choice<const ChannelDialect*>("dialect", nullptr, choices);
  if (chosen == nullptr) return std::nullopt;
  return *chosen;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  const std::optional<ChannelDialect> dialect = findDialect(config);
  if (!dialect) return nullptr;  // which keys there are depends on it
  requireWholeBody(config, "dialect", build);
  std::string name = config.text("name", dialect->name);
  std::unique_ptr<const Channel> channel = dialect->make(config, build);
  config.finish();
  if (channel == nullptr) return nullptr;
  return std::make_unique<ChannelFilter>(std::move(name), std::move(channel));
}

}  // namespace

FilterType channelType() { return {"channel", FilterRank::kChannel, make}; }

}  // namespace edgehold
