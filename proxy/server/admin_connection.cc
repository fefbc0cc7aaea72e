// SPDX-License-Identifier: Apache-2.0
// Bytes between an operator and the admin paths, behind admin_connection.h.
// Thread: main only.
#include "proxy/server/admin_connection.h"

#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

bool isOwnAuthority(std::string_view authority, const Endpoint& local) {
  const auto named = Endpoint::parse(authority);
  if (named) return *named == local;
  return equalsIgnoreCase(authority, "localhost:" + std::to_string(local.port));
}

}  // namespace

AdminConnection::AdminConnection(Loop& loop, AdminApi& api, std::unique_ptr<Transport> transport,
                                 Peer peer, OnClosed on_closed)
    : loop_(loop),
      api_(api),
      transport_(std::move(transport)),
      peer_(std::move(peer)),
      on_closed_(std::move(on_closed)),
      codec_(*this),
      deadline_(loop.makeTimer([this] { onDeadline(); })) {}

void AdminConnection::start() {
  deadline_->arm(limits::kIdleTimeout);
  transport_->start(*this);
}

void AdminConnection::onTransportFailed(Error) { close(); }

void AdminConnection::close() {
  if (std::exchange(is_closed_, true)) return;
  deadline_->cancel();
  answer_.reset();
  transport_->wantRead(false);
  transport_->wantWrite(false);
  on_closed_(*this);
}

void AdminConnection::onTransportReadable() {
  const std::span<char> room = input_.prepare(limits::kClientReadBytes);
  const IoResult got = transport_->receive(room);
  switch (got.kind) {
    case IoResult::Kind::kBlocked:
      return;
    case IoResult::Kind::kFailed:
      return close();
    case IoResult::Kind::kEnd:
      has_input_ended_ = true;
      codec_.receiveEnd();
      break;
    case IoResult::Kind::kBytes:
      input_.commit(got.bytes);
      feed();
      break;
  }
  flushLater();
}

void AdminConnection::feed() { input_.consume(codec_.receive(input_.view())); }

void AdminConnection::onTurnEnd() {
  if (is_closed_) return;
  // An answer lets the pipelined request behind it begin.
  while (stream_ == 0 && !input_.empty()) {
    const std::size_t before = input_.size();
    feed();
    if (input_.size() == before) break;
  }
  transport_->wantRead(!has_input_ended_ && input_.size() < limits::kAdminInputBytesMax);
  flush();
  if (!is_closed_) setWait();
}

void AdminConnection::flush() {
  Buffer& output = codec_.pull();
  while (!output.empty()) {
    const IoResult sent = transport_->send(output.view());
    if (sent.kind == IoResult::Kind::kBlocked) return transport_->wantWrite(true);
    if (sent.kind != IoResult::Kind::kBytes) return close();
    output.consume(sent.bytes);
  }
  transport_->wantWrite(false);
  output.release();
  if (input_.empty()) input_.release();
  if (codec_.isFinished()) close();
}

AdminConnection::Wait AdminConnection::currentWait() {
  if (!codec_.pull().empty()) return Wait::kWrite;
  if (stream_ != 0) return answer_ ? Wait::kAnswer : Wait::kBody;
  if (codec_.isInHead()) return Wait::kHead;
  return codec_.isIdle() ? Wait::kIdle : Wait::kWrite;
}

void AdminConnection::setWait() {
  const Wait wait = currentWait();
  if (wait == wait_ && deadline_->isArmed()) return;  // a slow trickle does not prolong it
  wait_ = wait;
  switch (wait) {
    case Wait::kIdle:
      return deadline_->arm(limits::kIdleTimeout);
    case Wait::kHead:
      return deadline_->arm(limits::kHeadTimeout);
    case Wait::kBody:
      return deadline_->arm(limits::kBodyTimeout);
    case Wait::kAnswer:
      return deadline_->arm(limits::kAdminAnswerTimeout);
    case Wait::kWrite:
      return deadline_->arm(limits::kWriteTimeout);
  }
}

void AdminConnection::onDeadline() {
  switch (wait_) {
    case Wait::kHead:
      codec_.fail(kNoStream, Error{Reason::kHeadTimeout, "request head took too long"});
      break;
    case Wait::kBody:
      codec_.fail(kNoStream, Error{Reason::kBodyTimeout, "request body took too long"});
      break;
    case Wait::kAnswer:
      send(adminProblem(Reason::kStoreUnavailable, "no answer in time; it may still take effect"));
      break;
    case Wait::kIdle:
    case Wait::kWrite:
      return close();
  }
  flushLater();
}

// A page in an operator's browser must not administer: over TCP, whoever names an origin or a host
// that is not this listener (DNS rebinding) is refused.
Result<void> AdminConnection::checkHead(const RequestHead& head) const {
  if (peer_.local) {
    if (head.headers.contains(HeaderId::kOrigin)) return fail(Reason::kOriginRejected);
    if (!isOwnAuthority(head.authority, *peer_.local)) return fail(Reason::kHostRejected);
  }
  const bool is_long =
      head.body.kind == BodyLength::Kind::kKnown && head.body.bytes > limits::kAdminBodyBytesMax;
  if (is_long) return fail(Reason::kPayloadTooLarge);
  return {};
}

void AdminConnection::onRequestHead(StreamId stream, RequestHead&& head) {
  stream_ = stream;
  request_ = {.method = head.method,
              .path = std::string(head.target.path),
              .query = std::string(head.target.query),
              .body = {},
              .caller = peer_.caller};
  if (const auto checked = checkHead(head); !checked) {
    return send(adminProblem(checked.error().reason, checked.error().message));
  }
  if (head.expects_continue) codec_.sendContinue(stream);
  // One more than is allowed, so that a chunked body past the limit shows.
  codec_.credit(stream, limits::kAdminBodyBytesMax + 1);
}

void AdminConnection::onRequestBody(StreamId stream, ByteView chunk) {
  if (stream != stream_) return;
  if (request_.body.size() + chunk.size() > limits::kAdminBodyBytesMax) {
    return send(adminProblem(Reason::kPayloadTooLarge, {}));
  }
  request_.body.append(chunk);
}

void AdminConnection::onRequestEnd(StreamId stream) {
  if (stream != stream_) return;
  answer_ = api_.answer(request_);
  answer_->then([this](AdminAnswer answer) { send(answer); });
}

void AdminConnection::onRequestError(StreamId stream, Error error) {
  stream_ = stream;
  send(adminProblem(error.reason, error.message));
}

void AdminConnection::send(const AdminAnswer& answer) {
  ResponseHead head;
  head.status = answer.status;
  head.headers.add("Content-Type", answer.content_type);
  // Answers are of the moment, and none of them is a page.
  head.headers.add("Cache-Control", "no-store");
  head.headers.add("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) head.headers.add(name, value);
  head.body = BodyLength::known(answer.body.size());
  answer_.reset();
  const StreamId stream = std::exchange(stream_, 0);
  const bool for_head = request_.method == Method::kHead;
  codec_.sendHead(stream, head, for_head);
  if (!for_head) codec_.sendBody(stream, answer.body);
  codec_.sendEnd(stream);
  request_ = {};
  flushLater();
}

}  // namespace edgehold
