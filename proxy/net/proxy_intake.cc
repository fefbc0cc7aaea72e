// SPDX-License-Identifier: Apache-2.0
// recv(2) with and without MSG_PEEK, behind proxy_intake.h.
// Thread: one loop.
#include "proxy/net/proxy_intake.h"

#include <array>
#include <span>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/net/socket.h"

namespace edgehold {

ProxyIntake::ProxyIntake(EventLoop& loop, Fd fd, Observer& observer)
    : fd_(std::move(fd)),
      observer_(observer),
      watch_(std::in_place, loop, fd_.get(), static_cast<FdWatch::Observer&>(*this)),
      deadline_(loop.makeTimer([this] {
        reader_.expire();
        finish();
      })) {}

void ProxyIntake::start(Duration time) {
  deadline_->arm(time);
  watch_->wantRead(true);
}

void ProxyIntake::onFdReady(bool, bool) {
  std::array<char, limits::kProxyHeaderBytesMax> room;
  const IoResult seen = peekFrom(fd_.get(), room);
  if (seen.kind == IoResult::Kind::kBlocked) return;
  if (seen.kind == IoResult::Kind::kBytes) {
    const std::size_t used = reader_.receive({room.data(), seen.bytes});
    // They are there: the kernel has just shown them. A reset meanwhile shows at the next read.
    (void)receiveFrom(fd_.get(), std::span(room).first(used));
    if (reader_.isReading()) return;
  } else {
    reader_.cut();
  }
  finish();
}

void ProxyIntake::finish() {
  deadline_->cancel();
  watch_.reset();
  if (reader_.source()) return observer_.onProxyHeader(*this, *reader_.source());
  observer_.onProxyFault(*this, *reader_.fault());
}

}  // namespace edgehold
