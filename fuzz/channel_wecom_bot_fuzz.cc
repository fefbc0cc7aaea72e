// SPDX-License-Identifier: Apache-2.0
// WeCom's AI bot callbacks: nobody is let in without the secret; what is signed is read whatever it
// says. Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: wecom_bot, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}",
                          receive_id: "", unknown_events: pass, failures_per_minute: 0})")
