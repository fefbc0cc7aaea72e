// SPDX-License-Identifier: Apache-2.0
// Discord's callbacks: nobody is let in without the secret; what is signed is read whatever it
// says. Thread: main only.
#include "fuzz/channel_input.h"

EDGEHOLD_CHANNEL_FUZZ(R"({dialect: discord, failures_per_minute: 0, unknown_events: pass,
  public_keys: "d839b7fdd3acf8a5e7fddc17c377d007e66505c403b0895a566ee8049413b3c7"})")
