// SPDX-License-Identifier: Apache-2.0
// The client of the benchmark: TLS 1.3 HTTP/1.1 keep-alive connections in a closed loop, each with
// one request under way; GETs, webhooks that are signed one by one (or forged), or text messages of
// a WebSocket that are echoed. Reads the proxy's processor time itself, at the first and the last
// request of the window. Prints one JSON object.
//
//   bench_load --port N --pids A,B [--mode get|hook|forged|ws] [--connections N] [--seconds S]
//              [--warmup S] [--secret S] [--proxy-core K]
//   bench_load --port N --count N [...]     exactly N requests, however long they take
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/processor_time.h"

namespace edgehold::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHookBytes = 600;
constexpr std::size_t kMessageBytes = 200;
constexpr std::uint64_t kGroups = 50;
constexpr std::uint64_t kSenders = 500;
constexpr std::array<std::string_view, 20> kTypes = {
    "message.created", "message.edited_", "message.deleted", "member.joined__", "member.left____",
    "member.promoted", "reaction.added_", "reaction.remove", "file.shared____", "file.deleted___",
    "poll.created___", "poll.voted_____", "call.started___", "call.ended_____", "thread.created_",
    "thread.replied_", "command.invoked", "button.pressed_", "presence.change", "group.renamed__"};

struct Options {
  std::uint16_t port = 0;
  std::vector<int> pids;
  std::string mode = "get";
  std::string secret = "bench-secret-0123456789abcdef";
  std::size_t connections = 64;
  std::uint64_t count = 0;  // 0: as many as there is time for
  double seconds = 4;
  double warmup = 1;
  int proxy_core = 0;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "bench_load: %s\n", why.c_str());
  std::exit(1);
}

// --- requests
// -------------------------------------------------------------------------------------

class Signer {
 public:
  explicit Signer(const std::string& secret)
      : mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context_(EVP_MAC_CTX_new(mac_)) {
    std::string digest = "SHA256";
    const std::array<OSSL_PARAM, 2> parameters = {
        OSSL_PARAM_construct_utf8_string("digest", digest.data(), 0), OSSL_PARAM_construct_end()};
    const auto* const key = reinterpret_cast<const unsigned char*>(secret.data());
    if (EVP_MAC_init(context_, key, secret.size(), parameters.data()) != 1) die("HMAC");
  }
  ~Signer() {
    EVP_MAC_CTX_free(context_);
    EVP_MAC_free(mac_);
  }
  Signer(const Signer&) = delete;
  Signer& operator=(const Signer&) = delete;

  std::string hex(std::string_view first, std::string_view second) {
    std::array<unsigned char, 32> digest{};
    std::size_t length = 0;
    EVP_MAC_init(context_, nullptr, 0, nullptr);
    EVP_MAC_update(context_, reinterpret_cast<const unsigned char*>(first.data()), first.size());
    EVP_MAC_update(context_, reinterpret_cast<const unsigned char*>(second.data()), second.size());
    EVP_MAC_final(context_, digest.data(), &length, digest.size());
    std::string text;
    for (const unsigned char byte : digest) {
      text.push_back("0123456789abcdef"[byte >> 4]);
      text.push_back("0123456789abcdef"[byte & 15]);
    }
    return text;
  }

 private:
  EVP_MAC* mac_;
  EVP_MAC_CTX* context_;
};

// Makes the requests. Event ids start from the clock and never repeat.
class Requests {
 public:
  explicit Requests(const Options& options)
      : is_hook_(options.mode == "hook" || options.mode == "forged"),
        is_forged_(options.mode == "forged"),
        is_web_socket_(options.mode == "ws"),
        signer_(options.secret),
        next_id_(static_cast<std::uint64_t>(
            std::chrono::system_clock::now().time_since_epoch().count())) {
    if (is_hook_) buildBody();
    if (is_web_socket_) buildMessage();
  }

  bool areWebSocket() const { return is_web_socket_; }

  void appendUpgrade(std::string& out) const {
    out.append(
        "GET /ws HTTP/1.1\r\nHost: bench.local\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  }

  void append(std::string& out) {
    if (is_web_socket_) {
      out.append(message_);
      return;
    }
    if (!is_hook_) {
      out.append(
          "GET /small HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: bench/1\r\nAccept: */*\r\n\r\n");
      return;
    }
    fillBody();
    std::string stamp = std::to_string(std::time(nullptr));
    out.append(
        "POST /hook HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: bench/1\r\nAccept: */*\r\n");
    out.append("Content-Type: application/json\r\nContent-Length: ");
    out.append(std::to_string(body_.size())).append("\r\nX-Timestamp: ").append(stamp);
    const std::string_view signed_as = is_forged_ ? "forged\n" : "\n";
    out.append("\r\nX-Signature: ").append(signer_.hex(stamp.append(signed_as), body_));
    out.append("\r\n\r\n");
    out.append(body_);
  }

 private:
  // One masked text frame (RFC 6455 5.2).
  void buildMessage() {
    constexpr std::array<char, 4> kMask = {'\x1f', '\x2e', '\x3d', '\x4c'};
    static_assert(kMessageBytes > 125 && kMessageBytes <= 0xFF);
    message_ = {'\x81', '\xFE', '\0', static_cast<char>(kMessageBytes)};
    message_.append(kMask.data(), kMask.size());
    for (std::size_t i = 0; i < kMessageBytes; ++i) {
      message_.push_back(static_cast<char>('a' + i % 26) ^ kMask.at(i % 4));
    }
  }

  void buildBody() {
    const auto place = [this](std::string_view text, std::size_t& at, std::string_view value) {
      body_.append(text);
      at = body_.size();
      body_.append(value);
    };
    body_ = R"({"schema":2,"event":{)";
    place(R"("id":"evt_)", id_at_, "0000000000000000");
    place(R"(","type":")", type_at_, kTypes[0]);
    place(R"(","attempt":1},"group":{"id":"grp_)", group_at_, "00000000");
    place(R"(","name":"Operations \u2014 night shift"},"sender":{"id":"usr_)", sender_at_,
          "00000000");
    body_.append(R"(","name":"Jo Bench","trust":57,"roles":["member","editor"]},)");
    body_.append(R"("message":{"id":"msg_000001","lang":"en","has_link":false,)");
    body_.append(R"("attachments":[],"reply_to":null,"text":")");
    constexpr std::string_view kTail = R"("},"bot":{"id":"bot_01","version":"4.2.0"}})";
    constexpr std::string_view kText =
        "please restart the staging cluster after the backup, thanks; ";
    while (body_.size() + kTail.size() < kHookBytes) {
      body_.push_back(kText[body_.size() % kText.size()]);
    }
    body_.append(kTail);
  }

  void put(std::size_t at, std::uint64_t value, std::size_t width) {
    for (std::size_t i = width; i-- > 0; value /= 10) {
      body_[at + i] = static_cast<char>('0' + value % 10);
    }
  }

  void fillBody() {
    const std::uint64_t id = next_id_++;
    put(id_at_, id, 16);
    std::memcpy(&body_[type_at_], kTypes.at(id % kTypes.size()).data(), kTypes[0].size());
    put(group_at_, id * 7 % kGroups, 8);
    put(sender_at_, id * 11 % kSenders, 8);
  }

  bool is_hook_;
  bool is_forged_;
  bool is_web_socket_;
  Signer signer_;
  std::uint64_t next_id_;
  std::string message_;
  std::string body_;
  std::size_t id_at_ = 0;
  std::size_t type_at_ = 0;
  std::size_t group_at_ = 0;
  std::size_t sender_at_ = 0;
};

// --- connections
// ----------------------------------------------------------------------------------

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

struct Connection {
  int fd = -1;
  std::unique_ptr<SSL, FreeSsl> ssl;
  bool is_open = false;  // as a WebSocket
  std::string out;
  std::string in;
  Clock::time_point sent;
};

// Bytes of the first whole response in `bytes` and its status, or zero bytes.
struct Response {
  std::size_t bytes = 0;
  int status = 0;
};

Response parseResponse(std::string_view bytes) {
  constexpr std::string_view kLength = "\r\ncontent-length:";
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  std::size_t at = 0;
  while (at < end && strncasecmp(bytes.data() + at, kLength.data(), kLength.size()) != 0) {
    at = bytes.find('\r', at + 1);
  }
  if (at >= end) die("a response without Content-Length");
  const std::size_t total = end + 4 + std::strtoul(bytes.data() + at + kLength.size(), nullptr, 10);
  if (bytes.size() < total) return {};
  return {total, std::atoi(bytes.data() + 9)};
}

// The head of a 101, as a response.
Response parseUpgraded(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};
  if (bytes.substr(9, 3) != "101") die("no WebSocket: " + std::string(bytes.substr(0, end)));
  return {end + 4, 101};
}

// The echo of a message, whole and unmasked, counts as a 200.
Response parseEcho(std::string_view bytes) {
  constexpr std::size_t kHeadBytes = 4;
  if (bytes.size() < kHeadBytes + kMessageBytes) return {};
  const bool is_echo = bytes[0] == '\x81' && bytes[1] == '\x7E' && bytes[2] == '\0' &&
                       static_cast<unsigned char>(bytes[3]) == kMessageBytes && bytes[4] == 'a';
  return {kHeadBytes + kMessageBytes, is_echo ? 200 : 0};
}

struct Window {
  Clock::time_point begin;
  Clock::time_point end;
  std::uint64_t run_ns = 0;
  std::uint64_t busy_ticks = 0;
  std::map<int, std::uint64_t> statuses;
  std::vector<float> latencies_us;
};

class Load {
 public:
  explicit Load(const Options& options)
      : options_(options),
        requests_(options),
        context_(SSL_CTX_new(TLS_client_method())),
        epoll_(epoll_create1(0)),
        connections_(options.connections) {
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context_.get(), "X25519");
    // A session ticket alone must not make a read wait for what comes after it.
    SSL_CTX_clear_mode(context_.get(), SSL_MODE_AUTO_RETRY);
    constexpr std::string_view kAlpn = "\x08http/1.1";
    SSL_CTX_set_alpn_protos(context_.get(), reinterpret_cast<const unsigned char*>(kAlpn.data()),
                            kAlpn.size());
  }

  Window run() {
    if (options_.count != 0) return runCount();
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    const auto started = Clock::now();
    turnUntil(started + std::chrono::duration_cast<Clock::duration>(
                            std::chrono::duration<double>(options_.warmup)));
    Window window;
    window.run_ns = runNanoseconds(options_.pids);
    window.busy_ticks = busyTicks(options_.proxy_core);
    window.begin = Clock::now();
    window_ = &window;
    turnUntil(window.begin + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(options_.seconds)));
    window.end = Clock::now();
    window.run_ns = runNanoseconds(options_.pids) - window.run_ns;
    window.busy_ticks = busyTicks(options_.proxy_core) - window.busy_ticks;
    return window;
  }

 private:
  // Every request is in the window, and nobody's processor time is read.
  Window runCount() {
    Window window;
    window_ = &window;
    window.begin = Clock::now();
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    turnUntil(Clock::time_point::max());
    window.end = Clock::now();
    return window;
  }

  void open(std::size_t index) {
    Connection& connection = connections_[index];
    connection.fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options_.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      die("cannot connect");
    }
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection.ssl.reset(SSL_new(context_.get()));
    SSL_set_fd(connection.ssl.get(), connection.fd);
    SSL_set_tlsext_host_name(connection.ssl.get(), "bench.local");
    if (SSL_connect(connection.ssl.get()) != 1) die("the TLS handshake failed");
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    send(connection);
  }

  // The sockets block: one small request at a time always fits.
  void send(Connection& connection) {
    connection.out.clear();
    if (requests_.areWebSocket() && !connection.is_open) {
      requests_.appendUpgrade(connection.out);
    } else {
      requests_.append(connection.out);
      ++sent_;
    }
    connection.sent = Clock::now();
    const int length = static_cast<int>(connection.out.size());
    if (SSL_write(connection.ssl.get(), connection.out.data(), length) != length) die("write");
  }

  void turnUntil(Clock::time_point end) {
    std::array<epoll_event, 128> events{};
    auto progress = Clock::now();
    while (Clock::now() < end && (options_.count == 0 || answered_ < options_.count)) {
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 50);
      for (int i = 0; i < count; ++i) {
        receive(connections_[events.at(static_cast<std::size_t>(i)).data.u64]);
      }
      if (count > 0) progress = Clock::now();
      if (Clock::now() - progress > std::chrono::seconds(10)) die("no answer for 10 s");
    }
  }

  void receive(Connection& connection) {
    std::array<char, 16384> piece{};
    do {
      const int got = SSL_read(connection.ssl.get(), piece.data(), static_cast<int>(piece.size()));
      if (got <= 0 && SSL_get_error(connection.ssl.get(), got) == SSL_ERROR_WANT_READ) return;
      if (got <= 0) die("the proxy closed a connection");
      connection.in.append(piece.data(), static_cast<std::size_t>(got));
    } while (SSL_pending(connection.ssl.get()) > 0);
    const Response response = parse(connection);
    if (response.bytes == 0) return;
    connection.in.erase(0, response.bytes);
    connection.is_open = connection.is_open || response.status == 101;
    if (response.status != 101) ++answered_;
    if (window_ != nullptr && response.status != 101) {
      ++window_->statuses[response.status];
      const std::chrono::duration<float, std::micro> took = Clock::now() - connection.sent;
      window_->latencies_us.push_back(took.count());
    }
    if (options_.count == 0 || sent_ < options_.count) send(connection);
  }

  Response parse(const Connection& connection) const {
    if (!requests_.areWebSocket()) return parseResponse(connection.in);
    return connection.is_open ? parseEcho(connection.in) : parseUpgraded(connection.in);
  }

  const Options& options_;
  Requests requests_;
  std::unique_ptr<SSL_CTX, FreeSsl> context_;
  int epoll_;
  std::vector<Connection> connections_;
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  Window* window_ = nullptr;
};

// --- report
// ---------------------------------------------------------------------------------------

double quantile(std::vector<float>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1));
  return static_cast<double>(sorted[at]);
}

void report(Window& window) {
  std::uint64_t completed = 0;
  for (const auto& [status, count] : window.statuses) completed += count;
  const std::chrono::duration<double> took = window.end - window.begin;
  const double cpu_us = static_cast<double>(window.run_ns) / 1e3;
  const double core_s =
      static_cast<double>(window.busy_ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
  std::sort(window.latencies_us.begin(), window.latencies_us.end());
  std::printf("{\"completed\":%llu,\"seconds\":%.3f,\"requests_per_second\":%.0f,",
              static_cast<unsigned long long>(completed), took.count(),
              static_cast<double>(completed) / took.count());
  std::printf("\"cpu_us_per_request\":%.3f,\"core_use\":%.3f,\"foreign\":%.3f,",
              completed == 0 ? 0 : cpu_us / static_cast<double>(completed),
              cpu_us / 1e6 / took.count(), (core_s - cpu_us / 1e6) / took.count());
  std::printf("\"p50_us\":%.0f,\"p99_us\":%.0f,\"statuses\":{", quantile(window.latencies_us, 0.5),
              quantile(window.latencies_us, 0.99));
  const char* separator = "";
  for (const auto& [status, count] : window.statuses) {
    std::printf("%s\"%d\":%llu", separator, status, static_cast<unsigned long long>(count));
    separator = ",";
  }
  std::printf("}}\n");
}

std::vector<int> parsePids(const char* text) {
  std::vector<int> pids;
  for (char* at = nullptr; *text != '\0'; text = *at == ',' ? at + 1 : at) {
    pids.push_back(static_cast<int>(std::strtol(text, &at, 10)));
    if (at == text) die("--pids wants numbers");
  }
  return pids;
}

Options parseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* const value = argv[i + 1];
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(std::atoi(value));
    else if (name == "--pids")
      options.pids = parsePids(value);
    else if (name == "--mode")
      options.mode = value;
    else if (name == "--secret")
      options.secret = value;
    else if (name == "--connections")
      options.connections = std::strtoul(value, nullptr, 10);
    else if (name == "--count")
      options.count = std::strtoul(value, nullptr, 10);
    else if (name == "--seconds")
      options.seconds = std::strtod(value, nullptr);
    else if (name == "--warmup")
      options.warmup = std::strtod(value, nullptr);
    else if (name == "--proxy-core")
      options.proxy_core = std::atoi(value);
    else
      die("unknown option " + std::string(name));
  }
  if (options.port == 0) die("--port is required");
  if (options.pids.empty() && options.count == 0) die("--pids or --count is required");
  if (options.count != 0) options.connections = std::min(options.connections, options.count);
  return options;
}

}  // namespace
}  // namespace edgehold::bench

int main(int argc, char** argv) {
  const edgehold::bench::Options options = edgehold::bench::parseOptions(argc, argv);
  edgehold::bench::Window window = edgehold::bench::Load(options).run();
  edgehold::bench::report(window);
  return 0;
}
