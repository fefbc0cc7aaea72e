// SPDX-License-Identifier: Apache-2.0
// signalfd(2) behind signals.h.
// Thread: one loop (main's).
#include "proxy/net/signals.h"

#include <csignal>
#include <utility>

#include <pthread.h>
#include <sys/signalfd.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

Fd blockAndOpen(const std::vector<int>& numbers) {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : numbers) sigaddset(&set, number);
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, nullptr), 0);
  Fd fd(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  PCHECK(fd.isOpen()) << "signalfd";
  return fd;
}

}  // namespace

Signals::Signals(EventLoop& loop, const std::vector<int>& numbers, OnSignal on_signal)
    : on_signal_(std::move(on_signal)), fd_(blockAndOpen(numbers)), watch_(loop, fd_.get(), *this) {
  watch_.wantRead(true);
}

void Signals::onFdReady(bool, bool) {
  signalfd_siginfo received{};
  while (::read(fd_.get(), &received, sizeof received) == static_cast<ssize_t>(sizeof received)) {
    on_signal_(static_cast<int>(received.ssi_signo));
  }
}

}  // namespace edgehold
