// SPDX-License-Identifier: Apache-2.0
// The laws of the stored form: exact, strict, and bound by its digest.
// Thread: main only.
#include "proxy/delivery/hold_record.h"

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/delivery/hold_state.h"
#include "proxy/delivery/hold_summary.h"

namespace edgehold {
namespace {

HoldRecord sample() {
  HoldRecord record;
  StoredRequest& request = record.request;
  request.approval_id = "apr_1";
  request.request_id = "r";
  request.method = "POST";
  request.target = "/a?b=c";
  request.authority = "h";
  request.headers = {{"A", "1"}, {"a", ""}, {"", "x"}};
  request.body = std::string("\0\xFF\n", 3);
  request.is_secure = true;
  request.client_address = "192.0.2.1";
  request.route = "bot";
  request.policy_version = "p";
  request.principal = "q";
  request.timestamp_ms = -5;
  request.tags = {{"k", "v"}};
  request.rule = "rule";
  request.reason = "why";
  request.held_at_ms = 1'700'000'000'000;
  record.digest = digestOf(request);
  record.token_hash[0] = 7;
  record.reason = Reason::kReleased;
  record.answer = StoredAnswer{201, "text/plain", "ok", true};
  return record;
}

TEST(HoldRecord, ComesBackAsItWas) {
  HoldRecord record = sample();
  EXPECT_EQ(*parseHoldRecord(encodeHoldRecord(record)), record);
  record.answer.reset();
  record.request.timestamp_ms.reset();
  EXPECT_EQ(*parseHoldRecord(encodeHoldRecord(record)), record);
  EXPECT_EQ(*parseHoldRecord(encodeHoldRecord(HoldRecord{})), HoldRecord{});
}

TEST(HoldRecord, CutAnywhereIsRefused) {
  const std::string bytes = encodeHoldRecord(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(parseHoldRecord(bytes.substr(0, size)).has_value()) << size;
  }
}

TEST(HoldRecord, WithAnythingBehindItIsRefused) {
  EXPECT_FALSE(parseHoldRecord(encodeHoldRecord(sample()) + '\0').has_value());
}

TEST(HoldRecord, OfAnotherVersionIsRefused) {
  std::string bytes = encodeHoldRecord(sample());
  bytes[3] = 2;
  EXPECT_FALSE(parseHoldRecord(bytes).has_value());
}

// Goal: one value has one encoding. Method: flip every byte; what still parses encodes to itself.
TEST(HoldRecord, HasOneEncodingForEachValue) {
  const std::string bytes = encodeHoldRecord(sample());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    for (const char flip : {'\x01', '\x80', '\xFF'}) {
      std::string other = bytes;
      other[at] = static_cast<char>(other[at] ^ flip);
      const auto record = parseHoldRecord(other);
      EXPECT_TRUE(!record || encodeHoldRecord(*record) == other) << at;
    }
  }
}

TEST(HoldRecord, PastItsBoundsIsRefused) {
  HoldRecord record = sample();
  record.request.headers.assign(2 * limits::kHeaderCountMax, {"n", "v"});
  EXPECT_TRUE(parseHoldRecord(encodeHoldRecord(record)).has_value());
  record.request.headers.emplace_back("n", "v");
  EXPECT_FALSE(parseHoldRecord(encodeHoldRecord(record)).has_value());
  record = sample();
  record.request.tags.assign(limits::kTagCountMax + 1, {"n", "v"});
  EXPECT_FALSE(parseHoldRecord(encodeHoldRecord(record)).has_value());
}

TEST(HoldDigest, ChangesWithEveryPartOfTheRequest) {
  const StoredRequest request = sample().request;
  const HoldDigest digest = digestOf(request);
  EXPECT_EQ(digestOf(request), digest);
  for (std::string StoredRequest::*text :
       {&StoredRequest::approval_id, &StoredRequest::request_id, &StoredRequest::method,
        &StoredRequest::target, &StoredRequest::authority, &StoredRequest::body,
        &StoredRequest::client_address, &StoredRequest::route, &StoredRequest::policy_version,
        &StoredRequest::principal, &StoredRequest::channel, &StoredRequest::event_type,
        &StoredRequest::event_id, &StoredRequest::group, &StoredRequest::sender,
        &StoredRequest::action, &StoredRequest::rule, &StoredRequest::reason}) {
    StoredRequest other = request;
    (other.*text) += 'x';
    EXPECT_NE(digestOf(other), digest);
  }
  StoredRequest other = request;
  other.is_secure = false;
  EXPECT_NE(digestOf(other), digest);
  other = request;
  other.timestamp_ms.reset();
  EXPECT_NE(digestOf(other), digest);
  other = request;
  other.headers.pop_back();
  EXPECT_NE(digestOf(other), digest);
}

TEST(HoldDigest, SeesWhereAPartEnds) {
  StoredRequest one = sample().request;
  StoredRequest other = one;
  one.headers = {{"ab", "c"}};
  other.headers = {{"a", "bc"}};
  EXPECT_NE(digestOf(one), digestOf(other));
}

TEST(HoldRecord, ForgetsWhatMayBeSecret) {
  HoldRecord record = sample();
  const HoldDigest digest = record.digest;
  forgetContent(record);
  EXPECT_TRUE(record.request.headers.empty());
  EXPECT_TRUE(record.request.body.empty());
  EXPECT_EQ(record.digest, digest);
}

TEST(HoldSummary, ComesBackAsItWas) {
  HoldSummary summary = summaryOf(sample(), 42);
  summary.decided_by = "ann \"the\" admin\n";
  summary.decided_at_ms = 9;
  summary.answer_status = 599;
  EXPECT_EQ(*parseHoldSummary(writeHoldSummary(summary)), summary);
}

TEST(HoldSummary, ShowsNoQueryValues) {
  HoldRecord record = sample();
  record.request.target = "/bot12345:s3cr3ts3cr3ts3cr3t/x?key=s3cr3t";
  EXPECT_EQ(writeHoldSummary(summaryOf(record, 0)).find("s3cr3t"), std::string::npos);
}

TEST(HoldSummary, MalformedIsRefused) {
  const std::string good = writeHoldSummary(HoldSummary{});
  ASSERT_TRUE(parseHoldSummary(good).has_value());
  const std::size_t at = good.find("\"body_bytes\":0");
  for (const char* number : {"-1", "\"0\"", "1.5", "null", "18446744073709551616"}) {
    std::string bad = good;
    EXPECT_FALSE(parseHoldSummary(bad.replace(at + 13, 1, number)).has_value()) << number;
  }
  for (const char* text : {"", "{}", "[]", "null"}) {
    EXPECT_FALSE(parseHoldSummary(text).has_value()) << text;
  }
}

TEST(HoldState, IsNamedOneToOne) {
  for (int i = 0; i < 8; ++i) {
    const auto state = static_cast<HoldState>(i);
    EXPECT_EQ(holdStateFromName(holdStateName(state)), state);
  }
  EXPECT_FALSE(holdStateFromName("Pending").has_value());
}

}  // namespace
}  // namespace edgehold
