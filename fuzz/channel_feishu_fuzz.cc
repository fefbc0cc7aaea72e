// SPDX-License-Identifier: Apache-2.0
// Feishu's events: nobody is let in without the secret; what is signed is read whatever it says.
// Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: feishu, encrypt_keys: "${env:SECRET}",
                          verification_tokens: "${env:TOKEN}", app_id: app, unknown_events: pass,
                          failures_per_minute: 0})")
