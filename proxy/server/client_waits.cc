// SPDX-License-Identifier: Apache-2.0
// What a connection waits for and for how long: the part of client_connection.h that gives up.
// Thread: one loop (owned by the worker).
#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/server/client_connection.h"
#include "proxy/server/client_stream.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// A client that ended its side may still read (a half-close) or be gone; TCP does not tell. An
// answer that makes no progress for so long is given up, so that a closed browser cancels its
// agent's run.
constexpr auto kHalfCloseGrace = 1s;
// How long a client that was told to go (GOAWAY) may keep an idle connection.
constexpr auto kDrainGrace = 1s;

}  // namespace

ClientConnection::Wait ClientConnection::currentWait() const {
  if (!is_open_) return Wait::kHandshake;
  if (is_lingering_) return Wait::kLinger;
  if (!codec_->pull().empty() || !transport_->isFlushed()) return Wait::kWrite;
  if (awaits_preface_ && !input_.empty()) return Wait::kHead;
  if (codec_->isIdle()) return Wait::kIdle;
  if (codec_->isInHead()) return Wait::kHead;
  if (!codec_->isMultiplexed()) {
    for (const auto& stream : streams_) {
      if (stream->driver().isReceiving()) return Wait::kBody;
    }
  }
  return has_input_ended_ ? Wait::kHalfClosed : Wait::kNone;
}

bool ClientConnection::isSettled() const {
  if (streams_.empty()) return requests_ > 0 || is_lingering_;
  return std::all_of(streams_.begin(), streams_.end(),
                     [](const auto& stream) { return stream->driver().isSettled(); });
}

bool ClientConnection::isIdle(Wait wait) {
  return wait == Wait::kHandshake || wait == Wait::kIdle || wait == Wait::kHead;
}

// What moves while `wait_` lasts: what the client sends, takes, or either.
std::uint64_t ClientConnection::movedBytes() const {
  if (wait_ == Wait::kBody) return received_bytes_;
  if (wait_ == Wait::kWrite) return sent_bytes_;
  return received_bytes_ + sent_bytes_;
}

void ClientConnection::setWait() {
  if (codec_->isMultiplexed()) setStreamWait();
  const Wait wait = currentWait();
  if (pass_ != nullptr) pass_->setIdle(isIdle(wait));
  // An idle wait starts anew when anything moves. A head's covers the whole head: a byte now and
  // then does not prolong it. A body's and an answer's are judged when they are over.
  // Frames that are no request (PING) leave an idle connection idle.
  const bool is_renewed = wait == Wait::kIdle || wait == Wait::kHalfClosed;
  const bool has_moved = wait == Wait::kIdle && codec_->isMultiplexed()
                             ? requests_ != wait_requests_
                             : movedBytes() != wait_bytes_;
  if (std::exchange(is_deadline_new_, false)) armDeadline();
  if (wait == wait_ && (!is_renewed || !has_moved)) return;
  beginWait(wait, Duration::zero());
}

// `idle`: for so long nothing has moved already.
void ClientConnection::beginWait(Wait wait, Duration idle) {
  wait_ = wait;
  wait_since_ = station_.clock().now();
  wait_idle_since_ = wait_since_ - idle;
  wait_bytes_ = movedBytes();
  wait_requests_ = requests_;
  const Duration time = waitTime();
  wait_until_ = time == Duration::max() ? Instant::max() : wait_since_ + time - idle;
  armDeadline();
}

void ClientConnection::armDeadline() {
  const Instant until = std::min(wait_until_, exchangeDeadline());
  if (until == Instant::max()) return deadline_->cancel();
  deadline_->arm(until - station_.clock().now());
}

Duration ClientConnection::waitTime() const {
  const TimeoutSpec& timeouts = station_.snapshot()->timeouts();
  const auto timeOf = [&](Wait wait) -> Duration {
    switch (wait) {
      case Wait::kNone:
        return Duration::max();
      case Wait::kHandshake:
        return timeouts.handshake;
      case Wait::kIdle:
        return is_draining_ ? std::min<Duration>(kDrainGrace, timeouts.idle) : timeouts.idle;
      case Wait::kHead:
        return timeouts.head;
      case Wait::kBody:
        // The exchange may have ended in this very turn.
        return streams_.empty() ? limits::kBodyTimeout : streams_.front()->driver().bodyTimeout();
      case Wait::kWrite:
        return timeouts.write;
      case Wait::kHalfClosed:
        return kHalfCloseGrace;
      case Wait::kLinger:
        return limits::kLingerTimeout;
    }
    return Duration::max();
  };
  const Duration time = timeOf(wait_);
  return is_surplus_ ? std::min<Duration>(time, limits::kSurplusTimeout) : time;
}

// What moves in `time` if the peer is not too slow; nothing at all is always too slow.
std::uint64_t ClientConnection::leastBytes(Duration time) const {
  const auto rate = static_cast<std::uint64_t>(station_.snapshot()->limits().client_rate);
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
  return std::max<std::uint64_t>(1, rate * static_cast<std::uint64_t>(milliseconds) / 1000);
}

Instant ClientConnection::exchangeDeadline() const {
  Instant earliest = Instant::max();
  for (const auto& stream : streams_) earliest = std::min(earliest, stream->driver().deadline());
  return earliest;
}

Duration ClientConnection::idleTime() const {
  const Instant last = wait_ == Wait::kBody ? received_at_ : sent_at_;
  return station_.clock().now() - std::max(last, wait_idle_since_);
}

// A peer that sends or takes a byte now and then holds a connection for ever, if any byte counts.
bool ClientConnection::isMovingEnough() const {
  if (idleTime() >= waitTime()) return false;
  return movedBytes() - wait_bytes_ >= leastBytes(station_.clock().now() - wait_since_);
}

// Streams share one timer: each waits for its own body, and for its own window to open.
void ClientConnection::setStreamWait() {
  std::optional<Instant> earliest;
  for (const auto& stream : streams_) {
    const auto deadline = stream->bodyDeadline();
    if (deadline) earliest = std::min(*deadline, earliest.value_or(*deadline));
  }
  const Instant now = station_.clock().now();
  const bool was_stalled = std::exchange(is_stalled_, codec_->isStalled());
  if (is_stalled_) {
    if (!was_stalled) stall_check_ = now + station_.snapshot()->timeouts().write;
    earliest = std::min(stall_check_, earliest.value_or(stall_check_));
  }
  if (!earliest) return stream_deadline_->cancel();
  stream_deadline_->arm(*earliest - now);
}

void ClientConnection::onStreamDeadline() {
  const Instant now = station_.clock().now();
  std::vector<StreamId> late;  // failing one ends it
  for (const auto& stream : streams_) {
    const auto deadline = stream->bodyDeadline();
    if (!deadline || *deadline > now) continue;
    if (stream->isBodyMovingEnough()) {
      stream->beginBodyWait();
    } else {
      late.push_back(stream->id());
    }
  }
  for (const StreamId id : late) {
    codec_->fail(id, Error{Reason::kBodyTimeout, "request body took too long"});
  }
  if (is_stalled_ && stall_check_ <= now) {
    codec_->resetStalled(leastBytes(station_.snapshot()->timeouts().write));
    is_stalled_ = false;  // the next check is a whole wait from now
  }
  flushLater();
}

void ClientConnection::onDeadline() {
  const Instant now = station_.clock().now();
  const auto late = std::find_if(streams_.begin(), streams_.end(), [now](const auto& stream) {
    return stream->driver().deadline() <= now;
  });
  if (late != streams_.end()) {
    (*late)->driver().onDeadline();
    is_deadline_new_ = true;  // a tunnel that was silent may have been asked
    wait_ = Wait::kNone;      // another wait begins
    return flushLater();
  }
  if (now < wait_until_) return armDeadline();  // the exchange got more time meanwhile
  onWaitOver();
}

void ClientConnection::onWaitOver() {
  const bool is_judged = wait_ == Wait::kBody || wait_ == Wait::kWrite;
  if (is_judged && isMovingEnough()) return beginWait(wait_, idleTime());
  switch (wait_) {
    case Wait::kHead:
      settleForHttp1();
      codec_->fail(kNoStream, Error{Reason::kHeadTimeout, "request head took too long"});
      break;
    case Wait::kBody:
      codec_->fail(streams_.front()->id(),
                   Error{Reason::kBodyTimeout, "request body took too long"});
      break;
    case Wait::kWrite:
      return close(Reason::kClientTooSlow);
    default:
      return close();
  }
  wait_ = Wait::kNone;
  flushLater();
}

}  // namespace edgehold
