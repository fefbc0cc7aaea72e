// SPDX-License-Identifier: Apache-2.0
// The growing byte queue behind bytes.h.
// Thread: one loop.
#include "proxy/base/bytes.h"

#include <algorithm>
#include <cstring>

#include "proxy/base/log.h"

namespace edgehold {
namespace {
constexpr std::size_t kSmallestAllocation = 1024;
}  // namespace

std::span<char> Buffer::prepare(std::size_t bytes) {
  if (capacity_ - end_ < bytes) grow(bytes);
  return {storage_.get() + end_, capacity_ - end_};
}

void Buffer::append(ByteView bytes) {
  if (bytes.empty()) return;
  if (capacity_ - end_ < bytes.size()) grow(bytes.size());
  std::memcpy(storage_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void Buffer::consume(std::size_t bytes) {
  DCHECK_LE(bytes, size());
  begin_ += bytes;
  if (begin_ == end_) begin_ = end_ = 0;
}

void Buffer::release() {
  storage_.reset();
  capacity_ = begin_ = end_ = 0;
}

void Buffer::grow(std::size_t bytes) {
  const std::size_t queued = size();
  if (capacity_ - queued >= bytes && begin_ >= queued) {  // moving is cheaper than growing
    std::memcpy(storage_.get(), storage_.get() + begin_, queued);
  } else {
    const std::size_t wanted = std::max({kSmallestAllocation, queued + bytes, capacity_ * 2});
    auto larger = std::make_unique_for_overwrite<char[]>(wanted);
    if (queued > 0) std::memcpy(larger.get(), storage_.get() + begin_, queued);
    storage_ = std::move(larger);
    capacity_ = wanted;
  }
  begin_ = 0;
  end_ = queued;
}

}  // namespace edgehold
