// SPDX-License-Identifier: Apache-2.0
// The one door to glog: LOG, CHECK and a rate-limited line for what peers can cause.
// Thread: any (glog locks).
#pragma once

#include <glog/logging.h>

namespace edgehold {

// Main only, once, before the first line: to standard error, where a service manager collects it.
void startLogging(const char* program);

// A peer must not be able to fill a disk: one line in `every`, with the count.
#define LogEvery(every, severity) LOG_EVERY_N(severity, every) << "[" << google::COUNTER << "] "

}  // namespace edgehold
