// SPDX-License-Identifier: Apache-2.0
// DingTalk's events: nobody is let in without the secret; what is signed is read whatever it says.
// Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: dingtalk_event, tokens: "${env:TOKEN}",
                          aes_keys: "${env:AES_KEY}", receive_id: suite, unknown_events: pass,
                          failures_per_minute: 0})")
