// SPDX-License-Identifier: Apache-2.0
// Clients and agents, behind actors.h.
// Thread: one loop.
#include "tests/simulation/actors.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

namespace edgehold::simulation {
namespace {

constexpr std::size_t kPipelinedMax = 3;
constexpr std::size_t kEverything = std::numeric_limits<std::size_t>::max();

}  // namespace

// --- clients
// --------------------------------------------------------------------------------------

std::string SimClient::act(RequestMaker& maker, WallTime now) {
  const std::uint64_t what = below(40);
  if (what == 0) {
    is_leaving_ = true;
    peer_->reset();
    return "resets";
  }
  if (what == 1) {
    is_leaving_ = true;
    peer_->end();
    return "ends its side";
  }
  if (what == 2) {
    peer_->send_room = 0;
    return "stops reading";
  }
  if (what < 8) {
    peer_->makeRoom(below(2) == 0 ? kEverything : 1 + below(100'000));
    return "reads on";
  }
  if (what < 10) {
    peer_->deliver();
    return "is heard again";
  }
  const bool has_unsent = !asked_.empty() && asked_.back().fed < asked_.back().request.wire.size();
  return has_unsent ? feed() : ask(maker, now);
}

std::string SimClient::ask(RequestMaker& maker, WallTime now) {
  if (is_leaving_ || asked_.size() >= kPipelinedMax) return "waits";
  Asked asked{maker.make(now)};
  const bool is_alone = asked_.empty();
  laws_.asked(asked.request, is_alone && !peer_->wants_write);
  asked_.push_back(std::move(asked));
  const Request& request = asked_.back().request;
  // The head in one piece when nothing else is under way: law 4 then knows when it was judged.
  if (is_alone) {
    const std::string head = request.wire.substr(0, request.head_bytes);
    asked_.back().fed = request.head_bytes;
    if (asked_.back().fed == request.wire.size()) laws_.sentWhole(request.number);
    peer_->feed(head);
  }
  return "asks " + std::to_string(request.number) + " " +
         request.wire.substr(0, request.wire.find('\r')) +
         (request.event_id.empty() ? "" : " " + request.event_id);
}

std::string SimClient::feed() {
  if (is_leaving_) return "waits";
  Asked& asked = asked_.back();
  const std::size_t left = asked.request.wire.size() - asked.fed;
  const std::size_t piece =
      below(3) == 0 ? left : std::min<std::size_t>(left, 1 + below(below(2) == 0 ? 100 : 100'000));
  const std::string bytes = asked.request.wire.substr(asked.fed, piece);
  asked.fed += piece;
  const std::uint64_t number = asked.request.number;
  if (piece == left) laws_.sentWhole(number);
  peer_->feed(bytes);
  return "sends " + std::to_string(piece) + " of " + std::to_string(number);
}

std::size_t SimClient::taken() const {
  if (asked_.size() != 1) return 0;  // what is pipelined behind it would count as its own
  return asked_.front().fed - std::min(asked_.front().fed, peer_->to_send.size());
}

void SimClient::observe() { readAnswers(); }

void SimClient::readAnswers() {
  for (;;) {
    if (!asked_.empty()) reader_.expectNoBody(asked_.front().request.is_head);
    if (!reader_.read(peer_->received)) break;
    const WireMessage answer = std::move(reader_.message());
    reader_.next();
    if (answer.status() < 200) continue;
    if (is_dismissed_) return laws_.said("an answer behind the last: " + answer.start_line);
    is_dismissed_ = answer.field("connection") == "close";
    if (asked_.empty()) return laws_.said("an answer to nothing: " + answer.start_line);
    const std::uint64_t number = asked_.front().request.number;
    asked_.pop_front();
    laws_.answered(number, answer);
  }
  if (reader_.error()) laws_.said("a client got what is not HTTP: " + *reader_.error());
}

// --- agents
// ---------------------------------------------------------------------------------------

std::string SimAgent::act() {
  if (!std::exchange(is_dialled_, true)) {
    if (below(8) == 0) {
      peer_->refuse();
      return "refuses";
    }
    peer_->open();
    return "accepts";
  }
  if (peer_->is_closed) return "is left";
  const std::uint64_t what = below(30);
  if (what == 0) {
    peer_->reset();
    return "resets";
  }
  if (what == 1) {
    peer_->end();
    return "ends its side";
  }
  if (what == 2) {
    peer_->send_room = below(2) == 0 ? 0 : 1 + below(50'000);
    return "stops reading";
  }
  if (what < 6) {
    peer_->makeRoom(kEverything);
    return "reads on";
  }
  if (what == 6) {
    peer_->deliver();
    return "is heard again";
  }
  return is_answering_ ? answer() : "waits";
}

void SimAgent::observe() { receive(); }

void SimAgent::receive() {
  for (;;) {
    const bool is_whole = reader_.read(peer_->received);
    if (reader_.error()) return laws_.said("an agent got what is not HTTP: " + *reader_.error());
    if (reader_.hasHead() && !std::exchange(has_told_head_, true)) {
      if (is_answering_) laws_.said("law 2: an agent got a request before it answered the last");
      laws_.arrived(reader_.message());
      planAnswer();
    }
    if (!is_whole) return;
    laws_.arrivedWhole(reader_.message());
    request_bytes_ = reader_.bodyBytes();
    reader_.next();
    has_told_head_ = false;
    has_whole_request_ = true;
  }
}

void SimAgent::planAnswer() {
  const std::string& line = reader_.message().start_line;
  const std::size_t slash = line.find('/', line.find('/') + 1);
  number_ = 0;
  std::from_chars(line.data() + slash + 1, line.data() + line.size(), number_);
  const bool is_head = line.starts_with("HEAD ");
  constexpr std::array<Plan, 12> kPlans = {
      Plan::kAnswer, Plan::kAnswer, Plan::kAnswer,  Plan::kAnswer, Plan::kAnswer, Plan::kAnswer,
      Plan::kAnswer, Plan::kReset,  Plan::kGarbage, Plan::kShort,  Plan::kExtra,  Plan::kSilent};
  constexpr std::array<std::uint16_t, 6> kStatuses = {200, 200, 201, 204, 404, 500};
  plan_ = kPlans[below(kPlans.size())];
  status_ = kStatuses[below(kStatuses.size())];
  is_answering_ = true;
  has_whole_request_ = false;
  sent_ = 0;
  const bool has_body = status_ != 204;
  body_ = has_body ? std::string(below(8) == 0 ? below(800'000) : below(3'000),
                                 static_cast<char>('A' + number_ % 26))
                   : std::string();
  std::string head = (below(6) == 0 ? "HTTP/1.1 103 Early Hints\r\n\r\n" : "") +
                     ("HTTP/1.1 " + std::to_string(status_)) +
                     " Fine\r\nX-Sim-Answer: " + std::to_string(number_) + "\r\n";
  if (plan_ == Plan::kGarbage) head += "Content-Length: 1\r\nContent-Length: 2\r\n";
  const bool is_chunked = has_body && below(3) == 0;
  if (is_chunked) {
    head += "Transfer-Encoding: chunked\r\n\r\n";
  } else if (has_body) {
    head += "Content-Length: " + std::to_string(body_.size()) + "\r\n\r\n";
  } else {
    head += "\r\n";
  }
  std::string framed;
  if (is_chunked && !body_.empty()) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%zx\r\n", body_.size());
    framed = digits + body_ + "\r\n";
  }
  if (is_chunked) framed += "0\r\n\r\n";
  head_left_ = head.size();
  to_send_ = head + (is_head ? "" : is_chunked ? framed : body_);
}

std::string SimAgent::answer() {
  const std::string name = "request " + std::to_string(number_);
  if (plan_ == Plan::kSilent) return "says nothing to " + name;
  // Mostly an agent reads first; an early answer is its right too.
  if (!has_whole_request_ && below(10) != 0) return "reads " + name;
  const bool cuts = plan_ == Plan::kReset || plan_ == Plan::kShort;
  if (cuts && below(2) == 0) {
    is_answering_ = false;
    laws_.agentFailed(number_);
    plan_ == Plan::kReset ? peer_->reset() : peer_->end();
    return "cuts its answer to " + name;
  }
  const std::size_t keeps_back = cuts ? 1 : 0;
  if (to_send_.size() <= keeps_back) return "hesitates";
  const std::size_t most = to_send_.size() - keeps_back;
  const std::size_t piece = below(2) == 0 ? most : 1 + below(most);
  const std::string bytes = to_send_.substr(0, piece);
  to_send_.erase(0, piece);
  sent_ += piece;
  const bool sends_head = head_left_ > 0 && piece >= head_left_;
  head_left_ -= std::min(head_left_, piece);
  if (sends_head) {
    plan_ == Plan::kGarbage ? laws_.agentFailed(number_) : laws_.agentBegan(number_, status_);
  }
  const bool is_whole = to_send_.empty();
  if (is_whole && plan_ != Plan::kGarbage) laws_.agentAnswered(number_, body_);
  if (is_whole) is_answering_ = false;
  peer_->feed(is_whole && plan_ == Plan::kExtra ? bytes + "HTTP/1.1 200 More\r\n" : bytes);
  return "sends " + std::to_string(piece) + " to " + name + " (" + std::to_string(status_) + ")";
}

}  // namespace edgehold::simulation
