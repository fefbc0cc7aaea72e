// SPDX-License-Identifier: Apache-2.0
// The upstream of the benchmark: plain HTTP/1.1 keep-alive, one thread, the same small JSON for
// every request. Deliberately cheaper than any proxy, so that it is never what is measured.
//
//   bench_origin PORT
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

constexpr std::string_view kBody =
    "{\"ok\":true,\"service\":\"bench-origin\",\"version\":1,\"queue\":\"default\"}\n";
constexpr std::string_view kLengthField = "\r\ncontent-length:";

volatile std::sig_atomic_t is_stopping = 0;

std::string answerText() {
  return "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(kBody.size()) + "\r\n\r\n" + std::string(kBody);
}

// Bytes of the first whole request in `bytes`, or 0. Only Content-Length: proxies under test keep
// the framing of the load generator.
std::size_t requestBytes(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return 0;
  std::size_t body = 0;
  for (std::size_t i = 0; i + kLengthField.size() < end; ++i) {
    if (bytes[i] != '\r') continue;
    if (strncasecmp(bytes.data() + i, kLengthField.data(), kLengthField.size()) == 0) {
      body = std::strtoul(bytes.data() + i + kLengthField.size(), nullptr, 10);
      break;
    }
  }
  const std::size_t total = end + 4 + body;
  return bytes.size() >= total ? total : 0;
}

class Origin {
 public:
  explicit Origin(std::uint16_t port) : answer_(answerText()), epoll_(epoll_create1(0)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, 4096) != 0) {
      std::perror("bench_origin: listen");
      std::exit(1);
    }
    watch(listener_);
  }

  void run() {
    std::array<epoll_event, 256> events{};
    while (is_stopping == 0) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1000);
      for (int i = 0; i < count; ++i) {
        const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
        if (fd == listener_) {
          acceptAll();
        } else if (!serve(fd)) {
          inputs_.erase(fd);
          close(fd);
        }
      }
    }
  }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void acceptAll() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      inputs_[fd].clear();
      watch(fd);
    }
  }

  // False: the connection is over.
  bool serve(int fd) {
    std::array<char, 65536> piece{};
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    std::string& input = inputs_[fd];
    input.append(piece.data(), static_cast<std::size_t>(got));
    while (const std::size_t used = requestBytes(input)) {
      input.erase(0, used);
      // Small answers to clients that wait for them always fit the socket's buffer.
      const ssize_t sent = write(fd, answer_.data(), answer_.size());
      if (sent != static_cast<ssize_t>(answer_.size())) return false;
    }
    return true;
  }

  std::string answer_;
  int epoll_;
  int listener_ = -1;
  std::unordered_map<int, std::string> inputs_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bench_origin PORT\n", stderr);
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGTERM, [](int) { is_stopping = 1; });
  Origin(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10))).run();
  return 0;
}
