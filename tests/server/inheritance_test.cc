// SPDX-License-Identifier: Apache-2.0
// The laws of what one process gives to the next: which sockets go to which listener, what is
// believed of the environment, and who speaks first.
// Thread: main only.
#include "proxy/server/inheritance.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "proxy/net/socket.h"

namespace edgehold {
namespace {

Result<std::optional<Inheritance>> readFrom(const std::optional<std::string>& text) {
  return Inheritance::read([&](const std::string& name) {
    EXPECT_EQ(name, "EDGEHOLD_INHERITANCE");
    return text;
  });
}

// The old process's side of a succession.
class InheritanceTest : public testing::Test {
 protected:
  InheritanceTest() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ours_ = Fd(ends[0]);
    text_ = std::to_string(ends[1]) + ";";  // theirs, until the process ends
  }
  // A listening socket for `index`; the number that is handed over belongs to who reads it.
  Endpoint listenFor(std::size_t index, std::string_view address) {
    auto fd = listenOn(*Endpoint::parse(address), 16);
    EXPECT_TRUE(fd) << fd.error().message;
    if (text_.back() != ';') text_ += ",";
    text_ += std::to_string(index) + ":" + std::to_string(::dup(fd->get()));
    return localEndpoint(*fd);
  }
  Inheritance inherit() {
    auto read = readFrom(text_);
    EXPECT_TRUE(read) << read.error().message;
    return std::move(**read);
  }
  void say(char byte) { EXPECT_EQ(::send(ours_.get(), &byte, 1, 0), 1); }
  // What the new process said; 0 at its end.
  char heard() {
    char byte = 0;
    EXPECT_GE(::recv(ours_.get(), &byte, 1, MSG_DONTWAIT), 0);
    return byte;
  }

  Fd ours_;
  std::string text_;
};

TEST_F(InheritanceTest, NobodyIsReplacedWithoutAWord) {
  const auto read = readFrom(std::nullopt);
  ASSERT_TRUE(read);
  EXPECT_FALSE(read->has_value());
}

TEST_F(InheritanceTest, BelievesNothingThatIsNotSo) {
  const Fd deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  for (const std::string& text :
       {std::string(), std::string(";"), std::string("x;0:3"), std::string("999999;0:3"), text_,
        text_ + "0", text_ + "0:", text_ + ":" + std::to_string(deaf.get()), text_ + "0:999999",
        text_ + "0:-1", text_ + "0:4294967296", text_ + "0:" + std::to_string(deaf.get())}) {
    EXPECT_FALSE(readFrom(text)) << text;
  }
}

TEST_F(InheritanceTest, IsWrittenAsItIsRead) {
  auto one = listenOn(*Endpoint::parse("127.0.0.1:0"), 16);
  auto other = listenOn(*Endpoint::parse("127.0.0.1:0"), 16);
  const std::string numbers[] = {std::to_string(one->get()), std::to_string(other->get())};
  std::vector<DoorSocket> doors;
  doors.push_back({0, std::move(*one)});
  doors.push_back({3, std::move(*other)});
  EXPECT_EQ(inheritanceText(7, doors), "7;0:" + numbers[0] + ",3:" + numbers[1]);
}

TEST_F(InheritanceTest, GivesEachSocketToWhoListensThere) {
  const Endpoint first = listenFor(0, "127.0.0.1:0");
  const Endpoint second = listenFor(1, "127.0.0.1:0");
  Inheritance inheritance = inherit();
  EXPECT_TRUE(inheritance.take(0, *Endpoint::parse("127.0.0.2:0")).empty());
  EXPECT_EQ(inheritance.take(7, second).size(), 1u) << "by address, whatever its number";
  EXPECT_TRUE(inheritance.take(1, second).empty()) << "once";
  EXPECT_TRUE(inheritance.take(1, *Endpoint::parse("127.0.0.1:0")).empty());
  const auto taken = inheritance.take(0, *Endpoint::parse("127.0.0.1:0"));
  ASSERT_EQ(taken.size(), 1u) << "port 0 is what the kernel chose for the same listener";
  EXPECT_EQ(localEndpoint(taken[0]), first);
  EXPECT_NE(::fcntl(taken[0].get(), F_GETFD) & FD_CLOEXEC, 0) << "no child of ours has it";
}

TEST_F(InheritanceTest, WaitsForItsTurnAndSaysWhenItServes) {
  listenFor(0, "127.0.0.1:0");
  Inheritance inheritance = inherit();
  say('G');
  EXPECT_TRUE(inheritance.awaitTurn());
  EXPECT_EQ(heard(), 'C');
  inheritance.tellReady();
  EXPECT_EQ(heard(), 'R');
  EXPECT_EQ(heard(), 0) << "and hangs up";
}

TEST_F(InheritanceTest, GoesOnWhenTheOtherOneHasEnded) {
  listenFor(0, "127.0.0.1:0");
  Inheritance inheritance = inherit();
  ours_.reset();
  EXPECT_TRUE(inheritance.awaitTurn());
}

TEST_F(InheritanceTest, DoesNotGoOnAtAnotherWord) {
  listenFor(0, "127.0.0.1:0");
  Inheritance inheritance = inherit();
  say('X');
  EXPECT_FALSE(inheritance.awaitTurn());
}

}  // namespace
}  // namespace edgehold
