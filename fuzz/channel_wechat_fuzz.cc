// SPDX-License-Identifier: Apache-2.0
// WeChat's pushed messages in safe mode: nobody is let in without the secret; what is signed is
// read whatever it says. Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: wechat, encryption: safe, tokens: "${env:TOKEN}",
                          aes_keys: "${env:AES_KEY}", receive_id: app, unknown_events: pass,
                          failures_per_minute: 0})")
