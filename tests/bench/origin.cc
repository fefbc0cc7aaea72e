// SPDX-License-Identifier: Apache-2.0
// The upstream of the benchmark: plain HTTP/1.1 keep-alive, one thread, the same small JSON for
// every request; a WebSocket echoes its frames. Deliberately cheaper than any proxy, so that it is
// never what is measured.
//
//   bench_origin PORT     0: one that is free; it is printed
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
#include <openssl/evp.h>
#include <openssl/sha.h>
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

// The 101 to a whole request that asks for a WebSocket (RFC 6455 4.2.2), or nothing.
std::string upgradeAnswer(std::string_view request) {
  constexpr std::string_view kKeyField = "\r\nsec-websocket-key: ";
  constexpr std::size_t kKeyBytes = 24;
  for (std::size_t i = 0; i + kKeyField.size() + kKeyBytes < request.size(); ++i) {
    if (strncasecmp(request.data() + i, kKeyField.data(), kKeyField.size()) != 0) continue;
    const std::string text = std::string(request.substr(i + kKeyField.size(), kKeyBytes)) +
                             "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
    std::array<unsigned char, 4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1> accept{};
    EVP_EncodeBlock(accept.data(), digest.data(), static_cast<int>(digest.size()));
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           std::string(reinterpret_cast<const char*>(accept.data())) + "\r\n\r\n";
  }
  return {};
}

// Moves the first whole frame of `input`, unmasked, to `out`; false when there is none. Frames of
// up to 64 KiB, of one fragment.
bool echoFrame(std::string& input, std::string& out) {
  if (input.size() < 2) return false;
  const auto octet = [&input](std::size_t at) { return static_cast<unsigned char>(input[at]); };
  const bool is_medium = (octet(1) & 0x7F) == 126;
  const std::size_t mask_at = is_medium ? 4 : 2;
  if (input.size() < mask_at + 4) return false;
  const std::size_t payload =
      is_medium ? static_cast<std::size_t>(octet(2) << 8 | octet(3)) : octet(1) & 0x7FU;
  const std::size_t total = mask_at + 4 + payload;
  if (input.size() < total) return false;
  out.append(input, 0, mask_at);
  char& second = out[out.size() - mask_at + 1];
  second = static_cast<char>(second & 0x7F);
  for (std::size_t i = 0; i < payload; ++i) {
    out.push_back(static_cast<char>(input[mask_at + 4 + i] ^ input[mask_at + i % 4]));
  }
  input.erase(0, total);
  return true;
}

struct Client {
  std::string input;
  bool is_web_socket = false;
};

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
    socklen_t length = sizeof address;
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
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
          clients_.erase(fd);
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
      clients_[fd] = {};
      watch(fd);
    }
  }

  // False: the connection is over.
  bool serve(int fd) {
    std::array<char, 65536> piece{};
    const ssize_t got = read(fd, piece.data(), piece.size());
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    Client& client = clients_[fd];
    client.input.append(piece.data(), static_cast<std::size_t>(got));
    std::string out;
    while (!client.is_web_socket) {
      const std::size_t used = requestBytes(client.input);
      if (used == 0) break;
      const std::string upgraded = upgradeAnswer(std::string_view(client.input).substr(0, used));
      client.is_web_socket = !upgraded.empty();
      out += client.is_web_socket ? upgraded : answer_;
      client.input.erase(0, used);
    }
    while (client.is_web_socket && echoFrame(client.input, out)) {
    }
    // Small answers to clients that wait for them always fit the socket's buffer.
    if (!out.empty() && write(fd, out.data(), out.size()) != static_cast<ssize_t>(out.size())) {
      return false;
    }
    return true;
  }

  std::string answer_;
  int epoll_;
  int listener_ = -1;
  std::unordered_map<int, Client> clients_;
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
