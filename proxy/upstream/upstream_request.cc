// SPDX-License-Identifier: Apache-2.0
// The life of one upstream request, behind upstream_request.h.
// Thread: one loop (owned by the exchange driver).
#include "proxy/upstream/upstream_request.h"

#include <chrono>
#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {

UpstreamRequest::~UpstreamRequest() { reset(); }

void UpstreamRequest::start(UpstreamPool& pool, const RequestHead& head, Waits waits) {
  pool_ = &pool;
  head_ = &head;
  waits_ = waits;
  is_under_way_ = true;
  if (head.wants_upgrade && pool.spec().protocol == UpstreamProtocol::kHttp2) {
    return failWith(Error{Reason::kUpgradeRefused, "the upstream is spoken to in HTTP/2"});
  }
  if (auto idle = pool.takeIdle()) {
    take(std::move(idle));
    return sendHead();
  }
  openNew();
}

void UpstreamRequest::openNew() {
  opening_ = pool_->open();
  // Only a name that must be looked up keeps us waiting here.
  lookup_deadline_ = nullptr;
  opening_->then([this](Result<std::unique_ptr<UpstreamStream>> opened) {
    lookup_deadline_ = nullptr;
    if (!opened) return failWith(std::move(opened).error());
    take(std::move(*opened));
    connection_->setDeadline(pool_->spec().connect_timeout, Reason::kUpstreamUnreachable);
    connection_->start();
  });
  if (connection_ != nullptr || !is_under_way_) return;
  lookup_deadline_ = pool_->loop().makeTimer([this] {
    opening_.reset();
    failWith(Error{Reason::kUpstreamUnreachable, "the name was not found in time"});
  });
  lookup_deadline_->arm(pool_->spec().connect_timeout);
}

void UpstreamRequest::take(std::unique_ptr<UpstreamStream> connection) {
  connection_ = std::move(connection);
  connection_->setUser(this);
}

void UpstreamRequest::onConnectionOpen() { sendHead(); }

void UpstreamRequest::sendHead() {
  ++pool_->counts().requests;
  connection_->sendHead(*head_);
  has_head_left_ = has_sent_ = true;
  if (!early_body_.empty()) connection_->sendBody(early_body_.view());
  early_body_.release();
  if (has_ended_) connection_->sendEnd();
  awaitUpstream();
}

void UpstreamRequest::sendBody(ByteView chunk) {
  if (!is_under_way_) return;  // the upstream answered early and closed
  if (!has_head_left_) return early_body_.append(chunk);
  const bool was_drained = connection_->queuedBytes() == 0;
  connection_->sendBody(chunk);
  if (was_drained) awaitUpstream();
}

// What is queued must leave in time; an answer that is under way has its own deadline.
void UpstreamRequest::awaitUpstream() {
  if (has_answer_) return;
  const auto taking = std::chrono::seconds(connection_->queuedBytes() / limits::kUpstreamRateLeast);
  connection_->setDeadline(waits_.first_byte + taking, Reason::kUpstreamTimeout);
}

void UpstreamRequest::sendEnd() {
  has_ended_ = true;
  if (!is_under_way_ || !has_head_left_) return;
  connection_->sendEnd();
  awaitUpstream();
}

std::size_t UpstreamRequest::queuedBytes() {
  return early_body_.size() + (has_head_left_ && connection_ ? connection_->queuedBytes() : 0);
}

void UpstreamRequest::pauseResponse(bool is_paused) {
  if (connection_ == nullptr || !is_under_way_) return;
  connection_->pauseReading(is_paused);
  // A client that does not read is the client's timeout, not the upstream's.
  if (is_paused) {
    connection_->clearDeadline();
  } else if (has_answer_ && !is_tunnel_) {
    connection_->setDeadline(waits_.idle, Reason::kUpstreamTimeout);
  }
}

void UpstreamRequest::onConnectionDrained() {
  if (is_under_way_ && !has_answer_) {
    // Before the request is whole, the client is waited for.
    has_ended_ ? awaitUpstream() : connection_->clearDeadline();
  }
  if (is_under_way_) events_.onUpstreamDrained();
}

void UpstreamRequest::onResponseHead(StreamId, ResponseHead&& head) {
  has_answer_ = true;
  is_tunnel_ = head.status == kSwitchingProtocols;
  if (is_tunnel_) {
    connection_->clearDeadline();
  } else {
    connection_->setDeadline(waits_.idle, Reason::kUpstreamTimeout);
  }
  events_.onUpstreamHead(std::move(head));
}

void UpstreamRequest::onResponseBody(StreamId, ByteView chunk) {
  if (!is_under_way_) return;
  if (!is_tunnel_) connection_->setDeadline(waits_.idle, Reason::kUpstreamTimeout);
  events_.onUpstreamBody(chunk);
}

void UpstreamRequest::onResponseEnd(StreamId) {
  if (!std::exchange(is_under_way_, false)) return;
  pool_->giveBack(std::move(connection_));
  events_.onUpstreamEnd();
}

void UpstreamRequest::onResponseError(StreamId, Error error) { onConnectionLost(std::move(error)); }

void UpstreamRequest::onConnectionLost(Error error) {
  // A deadline says nothing about whether the request was seen, and who cannot be reached now will
  // not be in a moment.
  const bool is_hopeless =
      error.reason == Reason::kUpstreamTimeout || error.reason == Reason::kUpstreamUnreachable;
  const auto seen = is_hopeless ? UpstreamStream::Seen::kPerhaps : connection_->seen();
  bury();
  if (!is_under_way_) return;
  if (has_retried_ || !mayStartAgain(seen)) return failWith(std::move(error));
  has_retried_ = true;
  has_head_left_ = false;
  has_sent_all_ = false;
  openNew();
}

// RFC 9110 9.2.2: only what has the same effect twice is sent twice.
bool UpstreamRequest::mayStartAgain(UpstreamStream::Seen seen) const {
  switch (seen) {
    case UpstreamStream::Seen::kPerhaps:
      return false;
    case UpstreamStream::Seen::kHardly:
      return isIdempotent(head_->method) && !head_->body.hasBody();
    case UpstreamStream::Seen::kNever:
      return true;
  }
  return false;
}

bool UpstreamRequest::hasSentAll() const {
  if (connection_ == nullptr) return has_sent_all_;
  return has_head_left_ && has_ended_ && connection_->isDrained();
}

void UpstreamRequest::bury() {
  has_sent_all_ = hasSentAll();
  has_head_left_ = false;
  if (connection_ == nullptr) return;
  connection_->setUser(nullptr);
  pool_->graveyard().bury(std::move(connection_));
}

void UpstreamRequest::failWith(Error error) {
  if (std::exchange(is_under_way_, false)) events_.onUpstreamError(std::move(error));
}

void UpstreamRequest::reset() {
  opening_.reset();
  lookup_deadline_ = nullptr;
  const bool is_said = std::exchange(is_under_way_, false) && is_tunnel_ && connection_ != nullptr;
  if (is_said) connection_->flushNow();
  bury();
  early_body_.release();
  is_under_way_ = has_head_left_ = has_sent_ = has_sent_all_ = has_ended_ = has_answer_ =
      has_retried_ = is_tunnel_ = false;
  pool_ = nullptr;
  head_ = nullptr;
}

}  // namespace edgehold
