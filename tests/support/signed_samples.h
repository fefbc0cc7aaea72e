// SPDX-License-Identifier: Apache-2.0
// A dialect by itself, without the filter around it, and samples as the requests that they are.
// Thread: main only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "filters/channels/channel.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {

// As `config_text` has it (a map with its `dialect`), with the fixture's secrets and files as they
// are now. Null when it has no such dialect, or mistakes.
inline std::unique_ptr<const Channel> makeChannel(ExchangeFixture& fixture,
                                                  std::string_view config_text) {
  const ConfigNode node = configLiteral(config_text);
  ConfigErrors errors;
  ConfigReader config(node, "channel", errors);
  const FilterBuild build{.secrets = fixture.secrets,
                          .files = fixture.files,
                          .route = fixture.route,
                          .upstreams = fixture.upstreams};
  const std::string name = config.text("dialect");
  for (const ChannelDialect& dialect : channelDialects()) {
    if (dialect.name == name) return dialect.make(config, build);
  }
  return nullptr;
}

inline RequestText requestTextOf(SampleRequest sample) {
  return {.method = std::move(sample.method),
          .target = sample.query.empty() ? "/hook" : "/hook?" + sample.query,
          .headers = std::move(sample.headers),
          .body = std::move(sample.body)};
}

}  // namespace edgehold
