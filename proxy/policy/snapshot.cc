// SPDX-License-Identifier: Apache-2.0
// The compiled policy takes its parts over.
// Thread: any (immutable).
#include "proxy/policy/snapshot.h"

#include <utility>

namespace edgehold {

PolicySnapshot::PolicySnapshot(Parts parts) : parts_(std::move(parts)), router_(parts_.routes) {}

}  // namespace edgehold
