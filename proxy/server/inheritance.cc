// SPDX-License-Identifier: Apache-2.0
// Inherited descriptors behind inheritance.h.
// Thread: main only.
#include "proxy/server/inheritance.h"

#include <cerrno>
#include <chrono>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/strings.h"
#include "proxy/net/socket.h"

namespace edgehold {
namespace {

constexpr int kDescriptorMost = 1 << 24;

std::optional<int> readNumber(std::string_view text) {
  const auto number = parseUnsigned(text);
  if (!number || *number > kDescriptorMost) return std::nullopt;
  return static_cast<int>(*number);
}

// Ours from now on, and no child's of ours.
bool adopt(int fd) { return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0; }

bool isListening(int fd) {
  int is_listening = 0;
  socklen_t length = sizeof is_listening;
  return ::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &length) == 0 &&
         is_listening != 0;
}

}  // namespace

std::string inheritanceText(int control, const std::vector<DoorSocket>& doors) {
  std::string text = std::to_string(control);
  char separator = ';';
  for (const DoorSocket& door : doors) {
    text += std::exchange(separator, ',');
    text += std::to_string(door.index) + ":" + std::to_string(door.fd.get());
  }
  return text;
}

Result<std::optional<Inheritance>> Inheritance::read(
    const std::function<std::optional<std::string>(const std::string&)>& environment) {
  const auto text = environment(std::string(kInheritanceVariable));
  if (!text) return std::nullopt;
  const auto wrong = fail(std::string(kInheritanceVariable) + ": " + "`" + *text +
                          "` names no listening sockets; is it left over? unset it");
  const std::size_t end = text->find(';');
  const auto control = readNumber(std::string_view(*text).substr(0, end));
  if (end == std::string::npos || !control || !adopt(*control)) return wrong;
  Inheritance inheritance;
  inheritance.control_ = *control;
  for (const std::string_view pair : split(std::string_view(*text).substr(end + 1), ',')) {
    const std::size_t colon = pair.find(':');
    if (colon == std::string_view::npos) return wrong;
    const auto index = readNumber(pair.substr(0, colon));
    const auto fd = readNumber(pair.substr(colon + 1));
    if (!index || !fd || !adopt(*fd) || !isListening(*fd)) return wrong;
    inheritance.doors_.push_back({static_cast<std::size_t>(*index), Fd(*fd)});
  }
  return std::optional<Inheritance>(std::move(inheritance));
}

bool Inheritance::say(SuccessionWord word) {
  const char byte = static_cast<char>(word);
  return ::send(control_, &byte, 1, MSG_NOSIGNAL) == 1;
}

Result<void> Inheritance::awaitTurn() {
  if (!say(SuccessionWord::kChecked)) return {};  // it has ended: whoever holds the lock decides
  pollfd wait{.fd = control_, .events = POLLIN, .revents = 0};
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(kSuccessionTime);
  int ready = 0;
  do {
    ready = ::poll(&wait, 1, static_cast<int>(time.count()));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return fail("the process that was to be replaced did not let go of the state");
  char byte = 0;
  const ssize_t got = ::recv(control_, &byte, 1, 0);
  if (got <= 0 || byte == static_cast<char>(SuccessionWord::kGo)) return {};
  return fail("the process that was to be replaced said something else than `go`");
}

std::vector<Fd> Inheritance::take(std::size_t index, const Endpoint& address) {
  std::vector<Fd> taken;
  for (DoorSocket& door : doors_) {
    if (!door.fd.isOpen()) continue;
    const Endpoint there = localEndpoint(door.fd);
    // Port 0 is whatever the kernel chose for the same listener.
    const bool is_same =
        address.port != 0 ? there == address : there.ip == address.ip && door.index == index;
    if (is_same) taken.push_back(std::move(door.fd));
  }
  return taken;
}

void Inheritance::tellReady() {
  doors_.clear();
  (void)say(SuccessionWord::kReady);
  ::close(control_);
}

}  // namespace edgehold
