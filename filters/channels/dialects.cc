// SPDX-License-Identifier: Apache-2.0
// The list of dialects: nothing registers itself.
// Thread: any (immutable).
#include <array>

#include "filters/channels/channel.h"

namespace edgehold {

std::span<const ChannelDialect> channelDialects() {
  static const std::array kDialects = {
      dingtalkEventDialect(), dingtalkRobotDialect(),
      discordDialect(),       feishuDialect(),
      githubDialect(),        hmacDialect(),
      lineDialect(),          qqDialect(),
      slackDialect(),         standardWebhooksDialect(),
      stripeDialect(),        teamsDialect(),
      teamsOutgoingDialect(), telegramDialect(),
      wechatDialect(),        wecomBotDialect(),
      wecomDialect(),         whatsappDialect(),
  };
  return kDialects;
}

}  // namespace edgehold
