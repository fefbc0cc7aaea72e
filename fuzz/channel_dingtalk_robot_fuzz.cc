// SPDX-License-Identifier: Apache-2.0
// DingTalk's robot messages: nobody is let in without the secret; what is signed is read whatever
// it says. Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: dingtalk_robot, secrets: "${env:SECRET}", unknown_events: pass,
                          failures_per_minute: 0})")
