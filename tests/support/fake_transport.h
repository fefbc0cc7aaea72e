// SPDX-License-Identifier: Apache-2.0
// A transport whose other end is the test: what was sent can be read, what should come can be fed.
// Thread: one loop.
#pragma once

#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "proxy/base/loop.h"
#include "proxy/net/transport.h"

namespace edgehold {

// The peer's view outlives the transport, so that a test can see that it was closed.
struct FakePeer {
  std::string received;  // what the transport's owner sent
  std::string to_send;   // what its receive() will find
  std::string protocol;  // by ALPN
  std::size_t send_room = std::numeric_limits<std::size_t>::max();  // then it blocks
  bool has_ended = false;   // after to_send: the end of the stream
  bool has_broken = false;  // at once: a reset
  bool is_open = false;     // start() was called and nothing was refused
  bool is_closed = false;   // the transport is gone
  bool is_reading = true;   // the owner wants to read
  bool wants_write = false;
  bool has_output_ended = false;
  bool was_reset = false;  // closing the transport shows the peer a reset
  Transport::Observer* observer = nullptr;
  std::function<bool(ByteView)> on_send;  // what leaves the owner now; false: it never arrives

  void open() {
    is_open = true;
    observer->onTransportOpen();
  }
  void refuse() { observer->onTransportFailed(Error{Reason::kUpstreamUnreachable, "refused"}); }
  // Bytes arrive, and the owner is told as the kernel would tell it: as long as it reads.
  void feed(std::string_view bytes) {
    to_send += bytes;
    deliver();
  }
  void deliver() {
    while (!is_closed && is_reading && !to_send.empty()) {
      const std::size_t before = to_send.size();
      observer->onTransportReadable();
      if (to_send.size() == before) return;
    }
  }
  void end() {
    has_ended = true;
    if (!is_closed && is_reading) observer->onTransportReadable();
  }
  void reset() {
    has_broken = true;
    if (!is_closed && is_reading) observer->onTransportReadable();
  }
  void makeRoom(std::size_t bytes) {
    send_room = bytes;
    if (!is_closed && wants_write) observer->onTransportWritable();
  }
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(std::shared_ptr<FakePeer> other_end, Endpoint address = {})
      : other_(std::move(other_end)), address_(address) {}
  ~FakeTransport() override {
    other_->is_closed = true;
    other_->observer = nullptr;
  }

  void start(Observer& observer) override { other_->observer = &observer; }
  IoResult receive(std::span<char> room) override {
    if (other_->has_broken) return {IoResult::Kind::kFailed, 0};
    const std::size_t taken = std::min(room.size(), other_->to_send.size());
    if (taken == 0) {
      return {other_->has_ended ? IoResult::Kind::kEnd : IoResult::Kind::kBlocked, 0};
    }
    std::copy_n(other_->to_send.begin(), taken, room.begin());
    other_->to_send.erase(0, taken);
    return {IoResult::Kind::kBytes, taken};
  }
  IoResult send(ByteView bytes) override {
    if (other_->has_broken) return {IoResult::Kind::kFailed, 0};
    const std::size_t taken = std::min(bytes.size(), other_->send_room);
    if (taken == 0) return {IoResult::Kind::kBlocked, 0};
    other_->send_room -= taken;
    const ByteView leaving = bytes.substr(0, taken);
    if (!other_->on_send || other_->on_send(leaving)) other_->received += leaving;
    return {IoResult::Kind::kBytes, taken};
  }
  void wantRead(bool wanted) override { other_->is_reading = wanted; }
  void wantWrite(bool wanted) override { other_->wants_write = wanted; }
  void endOutput() override { other_->has_output_ended = true; }
  void breakOff() override { other_->was_reset = true; }
  const Endpoint& peer() const override { return address_; }
  std::string_view protocol() const override { return other_->protocol; }

 private:
  std::shared_ptr<FakePeer> other_;
  Endpoint address_;
};

}  // namespace edgehold
