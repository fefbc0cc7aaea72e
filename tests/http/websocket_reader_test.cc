// SPDX-License-Identifier: Apache-2.0
// The laws of one direction of a WebSocket (RFC 6455 5, 7, 8.1), however the bytes are cut.
// Thread: main only.
#include "proxy/http/websocket_reader.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/http/websocket_writer.h"

namespace edgehold {
namespace {

using namespace std::string_literals;

constexpr std::size_t kMessageBytesMax = 1000;

// Writes down what happened, one line each.
class Recorder final : public WebSocketReader::Events {
 public:
  void onMessage(const WebSocketMessage& message) override {
    events += (message.is_text ? "text " : "binary ") + std::string(message.payload) + "\n";
    frames += message.frames;
    ++messages;
  }
  void onPing(ByteView payload) override { events += "ping " + std::string(payload) + "\n"; }
  void onPong(ByteView payload) override { events += "pong " + std::string(payload) + "\n"; }
  void onClose(std::optional<std::uint16_t> code, std::string_view reason) override {
    events += "close " + (code ? std::to_string(*code) : "-") + " " + std::string(reason) + "\n";
  }
  void onViolation(std::uint16_t close_code, Error error) override {
    events += "violation " + std::to_string(close_code) + " " + error.message + "\n";
    violated = error.reason;
  }

  std::string events;
  std::string frames;
  std::size_t messages = 0;
  Reason violated = Reason::kAllowed;
};

struct Frame {
  unsigned first;  // final bit, reserved bits, opcode
  std::string payload;
};

std::string octetsOf(const Frame& frame, bool is_masked) {
  Buffer out;
  appendFrame(
      out, WebSocketOpcode::kBinary, frame.payload,
      is_masked ? std::optional<WebSocketMaskKey>({'\x91', 'b', '\x03', 'd'}) : std::nullopt);
  std::string octets(out.view());
  octets[0] = static_cast<char>(frame.first);
  return octets;
}

std::string octetsOf(const std::vector<Frame>& frames, bool is_masked) {
  std::string octets;
  for (const Frame& frame : frames) octets += octetsOf(frame, is_masked);
  return octets;
}

// Offers `bytes` in pieces, what was left again; a piece lies in memory of its own, so that reading
// past its end is seen.
std::string receiveInPieces(WebSocketReader::Sender sender, const std::string& bytes,
                            std::size_t piece_bytes, std::size_t message_bytes_max) {
  Recorder recorder;
  WebSocketReader reader(sender, recorder, message_bytes_max);
  std::string pending;
  for (std::size_t at = 0; at < bytes.size(); at += piece_bytes) {
    pending += bytes.substr(at, piece_bytes);
    const std::vector<char> offered(pending.begin(), pending.end());
    const std::size_t taken = reader.receive({offered.data(), offered.size()});
    EXPECT_LE(taken, offered.size());
    pending.erase(0, taken);
    EXPECT_TRUE(reader.isEnded() || pending.size() < kWebSocketHeadBytesMax + 125);
    EXPECT_LE(reader.heldBytes(), std::max<std::size_t>(message_bytes_max, 512));
  }
  return recorder.events;
}

// The events of what a client sends, the same as of what a server sends, in every cut.
std::string eventsOf(const std::vector<Frame>& frames,
                     std::size_t message_bytes_max = kMessageBytesMax) {
  using Sender = WebSocketReader::Sender;
  const std::string plain = octetsOf(frames, false);
  const std::string masked = octetsOf(frames, true);
  const std::string events =
      receiveInPieces(Sender::kServer, plain, plain.size(), message_bytes_max);
  for (std::size_t piece = 1; piece <= std::min<std::size_t>(masked.size(), 40); ++piece) {
    EXPECT_EQ(receiveInPieces(Sender::kServer, plain, piece, message_bytes_max), events) << piece;
    EXPECT_EQ(receiveInPieces(Sender::kClient, masked, piece, message_bytes_max), events) << piece;
  }
  EXPECT_EQ(receiveInPieces(Sender::kClient, masked, masked.size(), message_bytes_max), events);
  return events;
}

TEST(WebSocketReader, ReadsWholeMessages) {
  EXPECT_EQ(eventsOf({{0x81, "Hello"}}), "text Hello\n");
  EXPECT_EQ(eventsOf({{0x82, "\x00\xFF"s}}), "binary \x00\xFF\n"s);
  EXPECT_EQ(eventsOf({{0x81, ""}, {0x82, ""}}), "text \nbinary \n");
  EXPECT_EQ(eventsOf({{0x81, std::string(126, 'a')}}), "text " + std::string(126, 'a') + "\n");
}

TEST(WebSocketReader, JoinsFragments) {
  EXPECT_EQ(eventsOf({{0x01, "Hel"}, {0x80, "lo"}}), "text Hello\n");
  EXPECT_EQ(eventsOf({{0x02, "a"}, {0x00, "b"}, {0x00, ""}, {0x80, "c"}}), "binary abc\n");
  EXPECT_EQ(eventsOf({{0x01, ""}, {0x00, ""}, {0x80, ""}}), "text \n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x80, ""}, {0x81, "b"}}), "text a\ntext b\n");
}

TEST(WebSocketReader, DeliversControlFramesBetweenFragments) {
  EXPECT_EQ(eventsOf({{0x01, "Hel"}, {0x89, "p"}, {0x8A, ""}, {0x80, "lo"}}),
            "ping p\npong \ntext Hello\n");
  EXPECT_EQ(eventsOf({{0x01, "Hel"}, {0x88, "\x03\xE8 bye"}, {0x80, "lo"}}), "close 1000  bye\n");
  EXPECT_EQ(eventsOf({{0x89, std::string(125, 'p')}}), "ping " + std::string(125, 'p') + "\n");
}

TEST(WebSocketReader, RefusesFragmentsOutOfOrder) {
  EXPECT_EQ(eventsOf({{0x80, "x"}, {0x81, "never"}}), "violation 1002 frame: continues nothing\n");
  EXPECT_EQ(eventsOf({{0x00, ""}}), "violation 1002 frame: continues nothing\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x80, "b"}, {0x80, "c"}}),
            "text ab\nviolation 1002 frame: continues nothing\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x81, "b"}}),
            "violation 1002 frame: a message within a message\n");
  EXPECT_EQ(eventsOf({{0x01, ""}, {0x02, ""}}),
            "violation 1002 frame: a message within a message\n");
}

TEST(WebSocketReader, RefusesFramesThatBreakALaw) {
  EXPECT_EQ(eventsOf({{0xC1, "a"}}), "violation 1002 frame: a reserved bit is set\n");
  EXPECT_EQ(eventsOf({{0x81, "a"}, {0x83, "a"}}), "text a\nviolation 1002 frame: unknown opcode\n");
  EXPECT_EQ(eventsOf({{0x89, std::string(126, 'p')}}),
            "violation 1002 frame: control of more than 125 octets\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x09, "p"}}), "violation 1002 frame: fragmented control\n");
}

TEST(WebSocketReader, WantsMasksOfClientsOnly) {
  using Sender = WebSocketReader::Sender;
  const std::string plain = octetsOf({{0x81, "a"}}, false);
  const std::string masked = octetsOf({{0x81, "a"}}, true);
  EXPECT_EQ(receiveInPieces(Sender::kClient, plain, 99, 10), "violation 1002 frame: not masked\n");
  EXPECT_EQ(receiveInPieces(Sender::kServer, masked, 99, 10),
            "violation 1002 frame: masked by a server\n");
}

TEST(WebSocketReader, NamesTheSideThatIsWrong) {
  Recorder client, server, large;
  WebSocketReader(WebSocketReader::Sender::kClient, client, 10).receive("\xFF");
  WebSocketReader(WebSocketReader::Sender::kServer, server, 10).receive("\xFF");
  WebSocketReader(WebSocketReader::Sender::kClient, large, 4)
      .receive(octetsOf({{0x81, "12345"}}, true));
  EXPECT_EQ(client.violated, Reason::kMalformedRequest);
  EXPECT_EQ(server.violated, Reason::kUpstreamMalformed);
  EXPECT_EQ(large.violated, Reason::kPayloadTooLarge);
}

TEST(WebSocketReader, BoundsAMessageByWhatItsHeadsAnnounce) {
  const std::string most(20, 'a');
  EXPECT_EQ(eventsOf({{0x81, most}}, 20), "text " + most + "\n");
  EXPECT_EQ(eventsOf({{0x81, most + "a"}}, 20), "violation 1009 message: too large\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x80, most}}, 20), "violation 1009 message: too large\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x80, most.substr(1)}}, 20), "text " + most + "\n");
  EXPECT_EQ(eventsOf({{0x81, most}, {0x81, most}}, 20), "text " + most + "\ntext " + most + "\n");
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 20);
  reader.receive("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"s);
  EXPECT_EQ(recorder.events, "violation 1009 message: too large\n");
  EXPECT_EQ(reader.heldBytes(), 0u);
}

TEST(WebSocketReader, TakesAHigherBoundForTheFramesThatFollow) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 4);
  EXPECT_EQ(reader.receive("\x01\x04"
                           "abcd"),
            6u);
  reader.setMessageBytesMax(6);
  EXPECT_EQ(reader.receive("\x80\x02"
                           "ef"),
            4u);
  EXPECT_EQ(recorder.events, "text abcdef\n");
  reader.setMessageBytesMax(5);
  reader.receive(
      "\x81\x06"
      "abcdef");
  EXPECT_EQ(recorder.events, "text abcdef\nviolation 1009 message: too large\n");
}

TEST(WebSocketReader, TakesALowerBoundForTheMessagesThatBeginAfter) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 6);
  reader.receive(
      "\x01\x04"
      "abcd");
  reader.setMessageBytesMax(2);
  reader.receive(
      "\x80\x02"
      "ef");
  EXPECT_EQ(recorder.events, "text abcdef\n");
  reader.receive(
      "\x81\x02"
      "gh"
      "\x81\x03"
      "ijk");
  EXPECT_EQ(recorder.events, "text abcdef\ntext gh\nviolation 1009 message: too large\n");
}

TEST(WebSocketReader, HoldsWhatCameAndNotWhatWasAnnounced) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 1 << 30);
  reader.receive("\x82\x7F\x00\x00\x00\x00\x10\x00\x00\x00"s);
  EXPECT_EQ(reader.heldBytes(), 0u);
  const std::string part(10'000, 'x');
  std::size_t came = 0;
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(reader.receive(part), part.size());
    came += part.size();
    EXPECT_GE(reader.heldBytes(), came);
    EXPECT_LE(reader.heldBytes(), 2 * came);
  }
}

TEST(WebSocketReader, GrowsGeometricallyAlsoWhenTheBoundIsLoweredWithinAFrame) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 1 << 20);
  reader.receive("\x02\x7F\x00\x00\x00\x00\x00\x10\x00\x00"s);
  reader.setMessageBytesMax(1000);
  std::size_t growths = 0;
  for (std::size_t came = 0, held = 0; came < 1 << 20; came += 1024) {
    reader.receive(std::string(1024, 'x'));
    growths += reader.heldBytes() != held ? 1 : 0;
    held = reader.heldBytes();
  }
  EXPECT_LE(growths, 12u);
  EXPECT_EQ(reader.heldBytes(), std::size_t{1} << 20);
  reader.receive("\x80\x00"s);
  EXPECT_EQ(recorder.messages, 1u);
}

TEST(WebSocketReader, OwnsNothingBetweenMessages) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kClient, recorder, 100'000);
  const std::string whole = octetsOf({{0x81, std::string(50'000, 'a')}}, true);
  reader.receive(whole);
  EXPECT_EQ(recorder.messages, 1u);
  EXPECT_EQ(reader.heldBytes(), 0u);
  for (const char octet : whole) reader.receive({&octet, 1});
  EXPECT_EQ(reader.heldBytes(), 0u);
}

TEST(WebSocketReader, BoundsFragments) {
  const std::string start = octetsOf({{0x01, "a"}}, false);
  std::string most = start, over = start;
  for (std::size_t i = 1; i < limits::kWebSocketFragmentsMax; ++i) most += "\x00\x01z"s;
  over = most + "\x00\x01z"s;
  most += "\x89\x00"s;
  Recorder within, past;
  WebSocketReader first(WebSocketReader::Sender::kServer, within, 1 << 20);
  WebSocketReader second(WebSocketReader::Sender::kServer, past, 1 << 20);
  first.receive(most);
  second.receive(over);
  EXPECT_EQ(within.events, "ping \n");
  EXPECT_EQ(past.events, "violation 1009 message: too many fragments\n");
}

TEST(WebSocketReader, BoundsEmptyFragmentsOfAMessage) {
  std::vector<Frame> frames = {{0x01, "a"}};
  frames.insert(frames.end(), limits::kWebSocketEmptyFragmentsMax, {0x00, ""});
  std::vector<Frame> within = frames, past = frames;
  within.push_back({0x80, "z"});
  past.push_back({0x80, ""});
  EXPECT_EQ(eventsOf(within), "text az\n");
  EXPECT_EQ(eventsOf(past), "violation 1009 message: too many empty fragments\n");
  // Whole messages that are empty are each a message of its own.
  EXPECT_EQ(
      eventsOf(std::vector<Frame>(limits::kWebSocketEmptyFragmentsMax + 1, {0x82, ""})).size(),
      (limits::kWebSocketEmptyFragmentsMax + 1) * "binary \n"s.size());
}

TEST(WebSocketReader, WantsUtf8InTextOnly) {
  const std::string bad = "violation 1007 message: text is not UTF-8\n";
  EXPECT_EQ(eventsOf({{0x81, "\xE2\x82\xAC"}}), "text \xE2\x82\xAC\n");
  EXPECT_EQ(eventsOf({{0x81, "\xE2\x82"}}), bad);
  EXPECT_EQ(eventsOf({{0x81, "\xED\xA0\x80"}}), bad);
  EXPECT_EQ(eventsOf({{0x81, "\xC0\x80"}}), bad);
  EXPECT_EQ(eventsOf({{0x82, "\xC0\x80"}}), "binary \xC0\x80\n");
  EXPECT_EQ(eventsOf({{0x01, "\xE2"}, {0x89, "\xFF"}, {0x00, "\x82"}, {0x80, "\xAC"}}),
            "ping \xFF\ntext \xE2\x82\xAC\n");
  EXPECT_EQ(eventsOf({{0x01, "a"}, {0x80, "\xE2\x82"}}), bad);
  EXPECT_EQ(eventsOf({{0x81, "a"}, {0x81, std::string(100, 'a') + "\xFF"}}), "text a\n" + bad);
  // One message's unfinished character is not the next one's.
  EXPECT_EQ(eventsOf({{0x02, "\xE2"}, {0x80, "\x82"}, {0x81, "a"}}), "binary \xE2\x82\ntext a\n");
}

TEST(WebSocketReader, RefusesTextAtTheFirstByteThatCannotBeRight) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, kMessageBytesMax);
  EXPECT_EQ(reader.receive("\x01\x02"
                           "a\xED"),
            4u);
  EXPECT_EQ(reader.receive("\x00\x20\x9F"s), 3u);
  EXPECT_EQ(recorder.events, "");
  reader.receive("\x80\xC0");
  EXPECT_EQ(recorder.events, "violation 1007 message: text is not UTF-8\n");
}

TEST(WebSocketReader, ReadsCloseFramesStrictly) {
  const struct {
    std::string payload;
    std::string event;
  } rows[] = {
      {"", "close - \n"},
      {"\x03\xE8", "close 1000 \n"},
      {"\x03\xE9gone", "close 1001 gone\n"},
      {"\x0B\xB8", "close 3000 \n"},
      {"\x13\x87", "close 4999 \n"},
      {"\x03\xF6", "close 1014 \n"},
      {"\x03\xE8" + std::string(123, 'r'), "close 1000 " + std::string(123, 'r') + "\n"},
      {"\x03", "violation 1002 close: half a code\n"},
      {"\x00\x00"s, "violation 1002 close: not a code\n"},
      {"\x03\xE7", "violation 1002 close: not a code\n"},
      {"\x03\xEC", "violation 1002 close: not a code\n"},
      {"\x03\xED", "violation 1002 close: not a code\n"},
      {"\x03\xEE", "violation 1002 close: not a code\n"},
      {"\x03\xF7", "violation 1002 close: not a code\n"},
      {"\x0B\xB7", "violation 1002 close: not a code\n"},
      {"\x13\x88", "violation 1002 close: not a code\n"},
      {"\xFF\xFF", "violation 1002 close: not a code\n"},
      {"\x03\xE8\xFF", "violation 1007 close: reason is not UTF-8\n"},
      {"\x03\xE8 \xE2\x82", "violation 1007 close: reason is not UTF-8\n"},
  };
  for (const auto& row : rows) EXPECT_EQ(eventsOf({{0x88, row.payload}}), row.event);
}

TEST(WebSocketReader, ReadsNothingAfterACloseOrAViolation) {
  EXPECT_EQ(eventsOf({{0x88, ""}, {0x81, "a"}, {0x89, "p"}}), "close - \n");
  EXPECT_EQ(eventsOf({{0x88, "x"}, {0x88, ""}}), "violation 1002 close: half a code\n");
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, 10);
  EXPECT_EQ(reader.receive("\x88\x00\x81\x01"
                           "a"s),
            2u);
  EXPECT_TRUE(reader.isEnded());
  EXPECT_EQ(reader.receive("\x81\x01"
                           "a"),
            0u);
}

TEST(WebSocketReader, GivesTheOctetsOfAMessageThatIsOneWholeFrame) {
  for (const auto sender : {WebSocketReader::Sender::kClient, WebSocketReader::Sender::kServer}) {
    const bool is_masked = sender == WebSocketReader::Sender::kClient;
    Recorder recorder;
    WebSocketReader reader(sender, recorder, 1 << 20);
    const std::string small = octetsOf({{0x81, "small"}}, is_masked);
    const std::string large = octetsOf({{0x82, std::string(70'000, 'x')}}, is_masked);
    reader.receive(small + large);
    EXPECT_EQ(recorder.frames, small + large);
    const std::size_t cut = is_masked ? 8 : 4;  // behind the head
    EXPECT_EQ(reader.receive(small.substr(0, cut)), cut);
    EXPECT_EQ(reader.receive(small.substr(cut)), small.size() - cut);
    reader.receive(octetsOf({{0x01, "a"}, {0x80, "b"}}, is_masked));
    EXPECT_EQ(recorder.messages, 4u);
    EXPECT_EQ(recorder.frames, small + large);
  }
}

// Pauses at each message, as a relay that waits for a verdict does.
class PausingRecorder final : public WebSocketReader::Events {
 public:
  void onMessage(const WebSocketMessage& message) override {
    recorder.onMessage(message);
    reader->pauseMessages(true);
  }
  void onPing(ByteView payload) override { recorder.onPing(payload); }
  void onPong(ByteView payload) override { recorder.onPong(payload); }
  void onClose(std::optional<std::uint16_t> code, std::string_view reason) override {
    recorder.onClose(code, reason);
  }
  void onViolation(std::uint16_t close_code, Error error) override {
    recorder.onViolation(close_code, std::move(error));
  }

  Recorder recorder;
  WebSocketReader* reader = nullptr;
};

TEST(WebSocketReader, DeliversControlFramesWhileMessagesArePaused) {
  PausingRecorder events;
  WebSocketReader reader(WebSocketReader::Sender::kServer, events, kMessageBytesMax);
  events.reader = &reader;
  const std::string bytes =
      octetsOf({{0x81, "a"}, {0x89, "1"}, {0x8A, "2"}, {0x01, "b"}, {0x89, "3"}}, false);
  const std::size_t before = octetsOf({{0x81, "a"}, {0x89, "1"}, {0x8A, "2"}}, false).size();
  EXPECT_EQ(reader.receive(bytes), before);
  EXPECT_EQ(events.recorder.events, "text a\nping 1\npong 2\n");
  EXPECT_EQ(reader.receive(std::string_view(bytes).substr(before)), 0u);
  reader.pauseMessages(false);
  EXPECT_EQ(reader.receive(std::string_view(bytes).substr(before)), bytes.size() - before);
  EXPECT_EQ(events.recorder.events, "text a\nping 1\npong 2\nping 3\n");
}

TEST(WebSocketReader, JudgesAPausedFrameWhenItIsItsTurn) {
  PausingRecorder events;
  WebSocketReader reader(WebSocketReader::Sender::kServer, events, kMessageBytesMax);
  events.reader = &reader;
  EXPECT_EQ(reader.receive("\x81\x01"
                           "a\xC1\x01"
                           "b"),
            3u);
  EXPECT_EQ(events.recorder.events, "text a\n");
  reader.pauseMessages(false);
  EXPECT_EQ(reader.receive("\xC1\x01"
                           "b"),
            0u);
  EXPECT_EQ(events.recorder.events, "text a\nviolation 1002 frame: a reserved bit is set\n");
}

TEST(WebSocketReader, PausesWithinAFrame) {
  Recorder recorder;
  WebSocketReader reader(WebSocketReader::Sender::kServer, recorder, kMessageBytesMax);
  EXPECT_EQ(reader.receive("\x81\x03"
                           "a"),
            3u);
  reader.pauseMessages(true);
  EXPECT_EQ(reader.receive("bc\x89\x00"s), 0u);
  reader.pauseMessages(false);
  EXPECT_EQ(reader.receive("bc\x89\x00"s), 4u);
  EXPECT_EQ(recorder.events, "text abc\nping \n");
}

// Stops at the first message.
class StoppingRecorder final : public WebSocketReader::Events {
 public:
  void onMessage(const WebSocketMessage&) override {
    ++messages;
    reader->stop();
  }
  void onPing(ByteView) override { ADD_FAILURE(); }
  void onPong(ByteView) override { ADD_FAILURE(); }
  void onClose(std::optional<std::uint16_t>, std::string_view) override { ADD_FAILURE(); }
  void onViolation(std::uint16_t, Error) override { ADD_FAILURE(); }

  int messages = 0;
  WebSocketReader* reader = nullptr;
};

TEST(WebSocketReader, ReadsNothingAfterItWasStopped) {
  StoppingRecorder events;
  WebSocketReader reader(WebSocketReader::Sender::kServer, events, kMessageBytesMax);
  events.reader = &reader;
  EXPECT_EQ(reader.receive("\x81\x01"
                           "a\x89\x00"s),
            3u);
  EXPECT_EQ(events.messages, 1);
}

}  // namespace
}  // namespace edgehold
