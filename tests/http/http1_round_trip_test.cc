// SPDX-License-Identifier: Apache-2.0
// What one codec writes, the other reads: seeded random exchanges over one connection, the bytes
// cut at random places, must arrive as they were sent and leave the connection kept. Thread: main
// only.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/http/http1_client_codec.h"
#include "proxy/http/http1_server_codec.h"
#include "tests/http/recording_events.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

class RoundTrip {
 public:
  explicit RoundTrip(std::uint64_t seed) : random_(seed) {
    at_server_.on_head = [this](StreamId stream, const RequestHead&) {
      server_.credit(stream, kEndlessCredit);
    };
  }

  void exchange() {
    const SeenMessage request = sendRequest();
    ASSERT_EQ(at_server_.requests.size(), 1u);
    ASSERT_EQ(withoutFraming(at_server_.requests[0]), request);
    const bool is_head = request.start.starts_with("HEAD ");
    const SeenMessage response = sendResponse(is_head);
    ASSERT_EQ(at_client_.responses.size(), 1u);
    ASSERT_EQ(withoutFraming(at_client_.responses[0]), response);
    ASSERT_TRUE(at_server_.errors.empty());
    ASSERT_TRUE(at_client_.errors.empty());
    ASSERT_TRUE(server_.isIdle());
    ASSERT_TRUE(client_.isReusable());
    at_server_.requests.clear();
    at_client_.responses.clear();
  }

 private:
  std::size_t below(std::size_t bound) { return random_.next() % bound; }
  std::string text(std::string_view alphabet, std::size_t size_max) {
    std::string text(below(size_max + 1), ' ');
    for (char& c : text) c = alphabet[below(alphabet.size())];
    return text;
  }
  std::string content() {
    std::string bytes(below(4) == 0 ? below(40'000) : below(30), ' ');
    for (char& c : bytes) c = static_cast<char>(random_.next());
    return bytes;
  }
  std::vector<std::pair<std::string, std::string>> fields() {
    std::vector<std::pair<std::string, std::string>> fields;
    for (std::size_t count = below(20); count > 0; --count) {
      std::string value = text("abc XYZ\t,;\"'\xc3\xa9()", 60);
      while (!value.empty() && (value.back() == ' ' || value.back() == '\t')) value.pop_back();
      value.erase(0, std::min(value.find_first_not_of(" \t"), value.size()));
      fields.emplace_back("X" + text("abcDEF-_.0", 30), std::move(value));
    }
    return fields;
  }
  static Headers headersOf(const std::vector<std::pair<std::string, std::string>>& fields) {
    Headers headers;
    for (const auto& [name, value] : fields) headers.add(name, value);
    return headers;
  }
  // The fields that the codecs add are theirs.
  static SeenMessage withoutFraming(SeenMessage message) {
    std::erase_if(message.fields, [](const auto& field) {
      return field.first == "Content-Length" || field.first == "Transfer-Encoding";
    });
    return message;
  }

  template <class Sender, class Receiver>
  void transfer(Sender& from, Feeder<Receiver>& to) {
    while (!from.pull().empty()) {
      const std::size_t count = std::min(from.pull().size(), 1 + below(below(2) == 0 ? 20 : 9000));
      to.feed(from.pull().view().substr(0, count));
      from.pull().consume(count);
    }
  }
  template <class Sender, class Receiver>
  void sendContent(Sender& from, StreamId stream, ByteView bytes, Feeder<Receiver>& to) {
    while (!bytes.empty()) {
      const std::size_t count = std::min(bytes.size(), 1 + below(5000));
      from.sendBody(stream, bytes.substr(0, count));
      bytes.remove_prefix(count);
      if (below(2) == 0) transfer(from, to);
    }
    from.sendEnd(stream);
    transfer(from, to);
  }

  SeenMessage sendRequest() {
    constexpr std::string_view kMethods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "X-OTHER"};
    SeenMessage request;
    const std::string_view method = kMethods[below(6)];
    const std::string target = "/" + text("abc-_~", 100) + "?" + text("a=&/?%20", 0);
    request.start = std::string(method) + " " + target;
    request.fields = fields();
    request.fields.emplace_back("Host", "h");
    request.content = content();
    request.is_whole = true;
    RequestHead head;
    head.method_token = method;
    head.method = methodOf(method);
    head.target.text = target;
    head.headers = headersOf(request.fields);
    head.body = bodyOf(request.content);
    const StreamId stream = client_.sendHead(head);
    sendContent(client_, stream, request.content, to_server_);
    return request;
  }
  SeenMessage sendResponse(bool is_head) {
    SeenMessage response;
    const std::uint16_t status = below(5) == 0 ? 204 : 200;
    response.start = std::to_string(status) + " " + std::string(reasonPhrase(status));
    response.fields = fields();
    const std::string bytes = content();
    if (!is_head && status != 204) response.content = bytes;
    response.is_whole = true;
    ResponseHead head;
    head.status = status;
    head.headers = headersOf(response.fields);
    head.body = bodyOf(bytes);
    server_.sendHead(at_server_.last_stream, head, is_head);
    sendContent(server_, at_server_.last_stream, bytes, to_client_);
    return response;
  }
  BodyLength bodyOf(const std::string& bytes) {
    if (bytes.empty() && below(2) == 0) return BodyLength::none();
    return below(2) == 0 ? BodyLength::known(bytes.size()) : BodyLength::chunked();
  }

  FakeRandom random_;
  RecordingServer at_server_;
  RecordingClient at_client_;
  Http1ServerCodec server_{at_server_};
  Http1ClientCodec client_{at_client_};
  Feeder<Http1ServerCodec> to_server_{server_};
  Feeder<Http1ClientCodec> to_client_{client_};
};

TEST(Http1RoundTrip, DeliversWhatWasSent) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RoundTrip connection(seed);
    for (int exchanges = 0; exchanges < 8; ++exchanges) {
      connection.exchange();
      ASSERT_FALSE(testing::Test::HasFatalFailure()) << "seed " << seed;
    }
  }
}

}  // namespace
}  // namespace edgehold
