// SPDX-License-Identifier: Apache-2.0
// Bytes without an owner, and the one growing byte queue every connection reads into and writes
// from. Thread: one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace edgehold {

// Bytes borrowed for the call (or for as long as the owner named beside it lives).
using ByteView = std::string_view;

// A first-in first-out byte queue in one allocation. Views into it die at the next non-const call.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&&) noexcept = default;
  Buffer& operator=(Buffer&&) noexcept = default;

  ByteView view() const { return {storage_.get() + begin_, end_ - begin_}; }
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::size_t capacity() const { return capacity_; }

  // Room for at least `bytes` after the queued ones; fill it, then commit() what was filled.
  std::span<char> prepare(std::size_t bytes);
  // REQUIRES: bytes <= what prepare() returned.
  void commit(std::size_t bytes) { end_ += bytes; }

  void append(ByteView bytes);
  // REQUIRES: bytes <= size().
  void consume(std::size_t bytes);
  void clear() { begin_ = end_ = 0; }
  // Gives the memory back: an idle connection owns none.
  void release();

 private:
  // Makes room for `bytes` behind end_, by moving to the front or by growing.
  void grow(std::size_t bytes);

  std::unique_ptr<char[]> storage_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace edgehold
