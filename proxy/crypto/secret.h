// SPDX-License-Identifier: Apache-2.0
// Secrets in memory: wiped when they go, copied only on purpose, never formatted.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "proxy/base/bytes.h"

namespace edgehold {

// Overwrites memory in a way that no optimiser removes.
void wipe(void* bytes, std::size_t count);

// Bytes that only their users may see. There is deliberately no operator<<, no conversion and no
// copy: what cannot be printed by accident is not in a log.
class SecretString {
 public:
  SecretString() = default;
  explicit SecretString(ByteView bytes);
  // Takes the bytes and wipes the text that they came in.
  static SecretString take(std::string&& text);
  SecretString(SecretString&& other) noexcept;
  SecretString& operator=(SecretString&& other) noexcept;
  ~SecretString();

  SecretString clone() const { return SecretString(reveal()); }
  // The bytes themselves, for the call that needs them. Lives as long as this object.
  ByteView reveal() const { return {bytes_.get(), size_}; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  // Not a std::string: that one keeps short texts inside itself, and moving leaves them behind.
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

// Takes as long for equal bytes as for any others of that size. The sizes are not hidden.
bool constantTimeEqual(ByteView a, ByteView b);

}  // namespace edgehold
