// SPDX-License-Identifier: Apache-2.0
// poll(2) around the client codec, behind admin_client.h.
// Thread: any (each call is on its own).
#include "proxy/server/admin_client.h"

#include <array>
#include <cerrno>
#include <utility>

#include <poll.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_client_codec.h"
#include "proxy/http/target.h"
#include "proxy/net/fd.h"
#include "proxy/net/socket.h"
#include "proxy/net/unix_socket.h"

namespace edgehold {
namespace {

// Until `fd` is ready for `events`; kUpstreamTimeout past the deadline.
Result<void> waitFor(const Fd& fd, short events, const Clock& clock, Instant deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock.now());
    pollfd watched{fd.get(), events, 0};
    const int ready = left.count() <= 0 ? 0 : ::poll(&watched, 1, static_cast<int>(left.count()));
    if (ready > 0) return {};
    if (ready == 0) return fail(Reason::kUpstreamTimeout, "no answer in time");
    if (errno != EINTR) return fail(Reason::kUpstreamReset, "poll: " + errorText(errno));
  }
}

// One request under way.
class Call final : private ClientCodec::Events {
 public:
  Call(Fd fd, const Clock& clock, Instant deadline)
      : fd_(std::move(fd)), clock_(clock), deadline_(deadline), codec_(*this) {}

  Result<AdminAnswered> run(const RequestHead& head, std::string_view body);

 private:
  void onResponseHead(StreamId, ResponseHead&& head) override { answer_.status = head.status; }
  void onResponseBody(StreamId, ByteView chunk) override;
  void onResponseEnd(StreamId) override { is_over_ = true; }
  void onResponseError(StreamId, Error error) override { stop(std::move(error)); }

  void write();
  void read();
  void stop(Error error) {
    if (!error_) error_ = std::move(error);
    is_over_ = true;
  }

  Fd fd_;
  const Clock& clock_;
  const Instant deadline_;
  Http1ClientCodec codec_;
  AdminAnswered answer_;
  Buffer input_;
  std::optional<Error> error_;
  bool is_over_ = false;
  bool is_output_refused_ = false;  // the peer answers without reading on
};

Result<AdminAnswered> Call::run(const RequestHead& head, std::string_view body) {
  const StreamId stream = codec_.sendHead(head);
  codec_.sendBody(stream, body);
  codec_.sendEnd(stream);
  while (!is_over_) {
    const bool is_writing = !codec_.pull().empty() && !is_output_refused_;
    const auto events = static_cast<short>(is_writing ? POLLIN | POLLOUT : POLLIN);
    TRY(waitFor(fd_, events, clock_, deadline_));
    if (is_writing) write();
    read();
  }
  if (error_) return fail(std::move(*error_));
  return std::move(answer_);
}

void Call::write() {
  Buffer& output = codec_.pull();
  const IoResult sent = sendTo(fd_.get(), output.view());
  if (sent.kind == IoResult::Kind::kBytes) output.consume(sent.bytes);
  if (sent.kind == IoResult::Kind::kFailed) is_output_refused_ = true;
}

void Call::read() {
  const IoResult got = receiveFrom(fd_.get(), input_.prepare(limits::kClientReadBytes));
  switch (got.kind) {
    case IoResult::Kind::kBlocked:
      return;
    case IoResult::Kind::kBytes:
      input_.commit(got.bytes);
      return input_.consume(codec_.receive(input_.view()));
    case IoResult::Kind::kEnd:
      codec_.receiveEnd();
      if (!is_over_) stop({Reason::kUpstreamReset, "the connection was closed before the answer"});
      return;
    case IoResult::Kind::kFailed:
      return stop({Reason::kUpstreamReset, "the connection was reset"});
  }
}

void Call::onResponseBody(StreamId, ByteView chunk) {
  if (answer_.body.size() + chunk.size() > limits::kAdminAnswerBytesMax) {
    return stop({Reason::kPayloadTooLarge, "the answer is longer than this client takes"});
  }
  answer_.body.append(chunk);
}

Result<Fd> connectToPlace(const AdminPlace& place, const Clock& clock, Instant deadline) {
  if (place.path() != nullptr) {
    auto fd = connectUnix(*place.path());
    if (!fd) return fail(Reason::kUpstreamUnreachable, std::move(fd.error().message));
    return fd;
  }
  TRY_ASSIGN(Connecting connecting, connectTo(*place.address()));
  if (!connecting.is_under_way) return std::move(connecting.fd);
  Fd fd = std::move(connecting.fd);
  TRY(waitFor(fd, POLLOUT, clock, deadline));
  TRY(connectResult(fd));
  return fd;
}

}  // namespace

std::optional<AdminPlace> AdminPlace::parse(std::string_view text) {
  if (const auto address = Endpoint::parse(text)) return at(*address);
  if (text.find('/') != std::string_view::npos) return at(std::string(text));
  return std::nullopt;
}

std::string AdminPlace::toString() const {
  return path() != nullptr ? *path() : address()->toString();
}

AdminClient::AdminClient(AdminPlace place, const Clock& clock, std::chrono::seconds timeout)
    : place_(std::move(place)), clock_(clock), timeout_(timeout) {}

Result<AdminAnswered> AdminClient::ask(const AdminCall& call) const {
  const Instant deadline = clock_.now() + timeout_;
  TRY_ASSIGN(Fd fd, connectToPlace(place_, clock_, deadline));
  RequestHead head;
  head.method_token = call.method;
  head.method = methodOf(call.method);
  TRY_ASSIGN(const RequestTarget target, parseTarget(call.target, head.method));
  head.target = target.target;
  // A Unix socket has no authority of its own; HTTP/1.1 wants one (RFC 9112 3.2).
  const std::string authority = place_.address() != nullptr ? place_.toString() : "localhost";
  head.authority = authority;
  head.headers.add("Host", authority);
  head.headers.add("Accept", "application/json");
  if (!call.body.empty()) head.headers.add("Content-Type", "application/json");
  head.body = BodyLength::none();
  if (call.method == "POST") head.body = BodyLength::known(call.body.size());
  auto answer = Call(std::move(fd), clock_, deadline).run(head, call.body);
  if (!answer) return fail(answer.error().within("`" + place_.toString() + "`"));
  return answer;
}

}  // namespace edgehold
