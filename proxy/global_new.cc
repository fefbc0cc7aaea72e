// SPDX-License-Identifier: Apache-2.0
// The program's operator new, which takes from block_pool.h; new of over-aligned types stays the
// library's. Thread: any.
#include <new>

#include "proxy/base/block_pool.h"

#ifndef EDGEHOLD_SANITIZED

void* operator new(std::size_t bytes) {
  for (;;) {
    void* const block = edgehold::takeBlock(bytes);
    if (block != nullptr) return block;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

// The array and nothrow forms of the library call these.
void operator delete(void* block) noexcept { edgehold::giveBlock(block); }
void operator delete(void* block, std::size_t) noexcept { edgehold::giveBlock(block); }

#endif
