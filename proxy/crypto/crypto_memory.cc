// SPDX-License-Identifier: Apache-2.0
// OpenSSL's allocator behind crypto_memory.h.
// Thread: main only, before anything asks OpenSSL for anything.
#include "proxy/crypto/crypto_memory.h"

#include <openssl/crypto.h>

#include "proxy/base/block_pool.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

// OPENSSL_malloc(3): nothing for no bytes, and for a block of no bytes its end.
void* take(std::size_t bytes, const char*, int) { return bytes > 0 ? takeBlock(bytes) : nullptr; }

void give(void* block, const char*, int) { giveBlock(block); }

void* resize(void* block, std::size_t bytes, const char* file, int line) {
  if (block == nullptr) return take(bytes, file, line);
  if (bytes > 0) return resizeBlock(block, bytes);
  giveBlock(block);
  return nullptr;
}

}  // namespace

void poolCryptoMemory() {
  CHECK_EQ(CRYPTO_set_mem_functions(&take, &resize, &give), 1) << "OpenSSL has begun";
}

}  // namespace edgehold
