// SPDX-License-Identifier: Apache-2.0
// Teams' callbacks: nobody is let in without the secret; what is signed is read whatever it says.
// Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: teams, app_id: a, jwks_file: /jwks.json, unknown_events: pass,
                          failures_per_minute: 0})")
