// SPDX-License-Identifier: Apache-2.0
// What every user of OpenSSL needs of it and it does not bring: owners, and bytes as it takes them.
// Without its headers: those stay in the sources that call it.
// Thread: any (stateless).
#pragma once

#include "proxy/base/bytes.h"

namespace edgehold {

// std::unique_ptr<BIGNUM, Freed<BN_free>>
template <auto kFree>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    kFree(object);
  }
};

inline const unsigned char* opensslBytes(ByteView view) {
  return reinterpret_cast<const unsigned char*>(view.data());
}
inline unsigned char* opensslBytes(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

}  // namespace edgehold
