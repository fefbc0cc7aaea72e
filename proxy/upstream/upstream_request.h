// SPDX-License-Identifier: Apache-2.0
// One request on its way to an upstream and its answer back. Takes a warm connection or opens one,
// and tries a second time only what may be repeated: idempotent, without a body, nothing answered
// yet. Thread: one loop (owned by the exchange driver).
#pragma once

#include <memory>
#include <optional>

#include "proxy/base/async.h"
#include "proxy/upstream/upstream_pool.h"
#include "proxy/upstream/upstream_stream.h"

namespace edgehold {

class UpstreamRequest final : private UpstreamStream::User {
 public:
  // Exactly one of onUpstreamEnd() and onUpstreamError() comes, last. Views are valid for the call.
  class Events {
   public:
    virtual ~Events() = default;
    // 101 only when the request wants_upgrade. From then on both bodies are a tunnel's bytes,
    // sendEnd() closes our half, and how long nothing may move is the owner's to say.
    virtual void onUpstreamHead(ResponseHead&& head) = 0;
    virtual void onUpstreamBody(ByteView chunk) = 0;
    virtual void onUpstreamEnd() = 0;
    virtual void onUpstreamError(Error error) = 0;
    // What was queued of the request body has left.
    virtual void onUpstreamDrained() = 0;
  };
  struct Waits {
    // From the whole request sent to the response head, and for each part of the request that the
    // upstream has to take before more of it is read.
    Duration first_byte;
    Duration idle;  // between two pieces of the response
  };

  explicit UpstreamRequest(Events& events) : events_(events) {}
  // Gives the connection back if all is done, else closes it: the upstream sees that we left.
  ~UpstreamRequest() override;
  UpstreamRequest(const UpstreamRequest&) = delete;
  UpstreamRequest& operator=(const UpstreamRequest&) = delete;

  // REQUIRES: idle (new, or after reset()); `pool` and `head` outlive the request.
  void start(UpstreamPool& pool, const RequestHead& head, Waits waits);
  // Body bytes are queued until the connection takes them; the owner bounds them by queuedBytes().
  void sendBody(ByteView chunk);
  void sendEnd();
  std::size_t queuedBytes();
  void pauseResponse(bool is_paused);
  // Lets go of the connection as the destructor does, ready for another start().
  void reset();
  // Bytes of this request may have reached the upstream.
  bool hasSent() const { return has_sent_; }
  // The request was whole, and all of it has left: the upstream may have acted on it.
  bool hasSentAll() const;

 private:
  void onConnectionOpen() override;
  void onConnectionDrained() override;
  void onConnectionLost(Error error) override;
  void onResponseHead(StreamId stream, ResponseHead&& head) override;
  void onResponseBody(StreamId stream, ByteView chunk) override;
  void onResponseEnd(StreamId stream) override;
  void onResponseError(StreamId stream, Error error) override;

  void take(std::unique_ptr<UpstreamStream> connection);
  void openNew();
  void sendHead();
  void awaitUpstream();
  bool mayStartAgain(UpstreamStream::Seen seen) const;
  void bury();
  void failWith(Error error);

  Events& events_;
  UpstreamPool* pool_ = nullptr;
  const RequestHead* head_ = nullptr;
  Waits waits_{};
  std::unique_ptr<UpstreamStream> connection_;
  std::optional<Async<Result<std::unique_ptr<UpstreamStream>>>> opening_;
  std::unique_ptr<Timer> lookup_deadline_;
  Buffer early_body_;  // what came before the connection was open
  bool is_under_way_ = false;
  bool has_head_left_ = false;  // the codec has been given the request head
  bool has_sent_ = false;
  bool has_sent_all_ = false;  // on the connection that was given up
  bool has_ended_ = false;     // sendEnd() was called
  bool has_answer_ = false;
  bool is_tunnel_ = false;
  bool has_retried_ = false;
};

}  // namespace edgehold
