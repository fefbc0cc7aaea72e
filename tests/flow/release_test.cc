// SPDX-License-Identifier: Apache-2.0
// The laws of an approved hold's way out through the whole server.
// Thread: main only.
#include <gmock/gmock.h>

#include "proxy/server/release_stream.h"
#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;

constexpr std::string_view kConfig = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes: [{name: all, match: {path: /}, upstream: agent}]
)";

StoredRequest storedRequest() {
  StoredRequest request;
  request.approval_id = "apr_1";
  request.request_id = "0123456789abcdef0123456789abcdef";
  request.method = "POST";
  request.target = "/broadcast";
  request.authority = "edge";
  request.client_address = "192.0.2.7";
  request.approved_by = "ann";
  return request;
}

class ReleaseTest : public FlowTest {
 protected:
  // Releases one request, and notes how many records there were when its result came.
  void release() {
    use(kConfig);
    stream_ = std::make_unique<ReleaseStream>(*station_, storedRequest(),
                                              [this](ReleaseStream& ended, ExecutionResult result) {
                                                EXPECT_EQ(&ended, stream_.get());
                                                result_ = std::move(result);
                                                records_at_result_ = recordsWritten();
                                              });
    stream_->start();
    settle();
  }
  void TearDown() override { stream_.reset(); }

  std::unique_ptr<ReleaseStream> stream_;
  std::optional<ExecutionResult> result_;
  std::size_t records_at_result_ = 0;
};

TEST_F(ReleaseTest, GivesTheUpstreamsAnswer) {
  release();
  EXPECT_THAT(upstream().received, HasSubstr("POST /broadcast HTTP/1.1\r\n"));
  send(upstream(), "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(result_->reason, Reason::kReleased);
  EXPECT_EQ(result_->answer.status, 201);
  EXPECT_EQ(result_->answer.body, "ok");
}

// Whoever has the result may show it to a client at once.
TEST_F(ReleaseTest, IsRecordedBeforeItsResultIsKnown) {
  release();
  upstream();
  send(upstream(), "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
  ASSERT_TRUE(result_.has_value());
  EXPECT_EQ(records_at_result_, 1u);
}

TEST_F(ReleaseTest, ThatWasCutIsRecordedBeforeItsResultIsKnown) {
  release();
  upstream();
  stream_->cut();
  ASSERT_TRUE(result_.has_value());
  EXPECT_TRUE(result_->was_sent);
  EXPECT_EQ(records_at_result_, 1u);
}

}  // namespace
}  // namespace edgehold
