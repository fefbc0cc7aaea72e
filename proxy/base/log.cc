// SPDX-License-Identifier: Apache-2.0
// glog's set-up behind log.h.
// Thread: main only.
#include "proxy/base/log.h"

namespace edgehold {

void startLogging(const char* program) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(program);
}

}  // namespace edgehold
