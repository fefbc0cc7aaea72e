// SPDX-License-Identifier: Apache-2.0
// How pieces become a key.
// Thread: any (immutable).
#include "proxy/state/counters.h"

namespace edgehold {

// Each piece is its length and its bytes padded to words: no two lists give the same message.
CounterKey Counters::key(std::span<const ByteView> pieces) const {
  SipState state(seed_, SipWidth::k128);
  std::size_t words = 0;
  for (const ByteView piece : pieces) {
    state.absorb(piece.size());
    std::size_t at = 0;
    for (; at + 8 <= piece.size(); at += 8) state.absorb(SipState::loadWord(piece.data() + at, 8));
    if (at < piece.size()) {
      state.absorb(SipState::loadWord(piece.data() + at, piece.size() - at));
      at += 8;
    }
    words += 1 + at / 8;
  }
  state.absorb(SipState::finalWord(0, words * 8));
  const SipHash128 hash = state.finish128();
  return {hash.low, hash.high};
}

}  // namespace edgehold
