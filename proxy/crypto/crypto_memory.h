// SPDX-License-Identifier: Apache-2.0
// Where OpenSSL takes its memory from.
// Thread: main only, before anything asks OpenSSL for anything.
#pragma once

namespace edgehold {

// From base/block_pool.h: for every TLS record it takes and frees two buffers of 17 KiB, so that
// an idle connection has none, and some smaller blocks.
void poolCryptoMemory();

}  // namespace edgehold
