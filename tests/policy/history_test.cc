// SPDX-License-Identifier: Apache-2.0
// Laws of the policy history.
// Thread: main only.
#include "proxy/policy/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/policy/policy_files.h"
#include "tests/policy/policy_fakes.h"

namespace edgehold {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class HistoryTest : public ::testing::Test {
 protected:
  std::string directory() const { return folder_.at("policies"); }
  static std::string contentOf(int number) {
    PolicyFileSet files("/etc/edgehold");
    files.contribute({}, "number: " + std::to_string(number));
    return files.content();
  }
  static KeptPolicy policyOf(int number) {
    return {PolicyFileSet::versionOf(contentOf(number)), wallTimeFromMilliseconds(1000 + number),
            "signal", "signal"};
  }
  static void add(PolicyHistory& history, int number) {
    ASSERT_TRUE(history.add(policyOf(number), contentOf(number)));
  }
  std::size_t filesKept() const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory())) {
      count += entry.path().filename() != "index.json" ? 1 : 0;
    }
    return count;
  }

  TempFolder folder_;
};

TEST_F(HistoryTest, SurvivesARestart) {
  {
    PolicyHistory history(directory());
    add(history, 1);
    add(history, 2);
  }
  const PolicyHistory history(directory());
  ASSERT_EQ(history.policies().size(), 2u);
  EXPECT_EQ(history.policies()[0].version, policyOf(1).version);
  EXPECT_EQ(history.policies()[0].since, policyOf(1).since);
  EXPECT_EQ(history.policies()[1].cause, "signal");
  EXPECT_EQ(history.content(policyOf(1).version), contentOf(1));
}

TEST_F(HistoryTest, ListsAPolicyOnceUntilAnotherIsInForce) {
  PolicyHistory history(directory());
  for (const int number : {1, 1, 2, 1}) add(history, number);
  EXPECT_EQ(history.policies().size(), 3u);
  EXPECT_EQ(filesKept(), 2u);
}

TEST_F(HistoryTest, KeepsTheLastOnesAndForgetsTheContentOfTheRest) {
  PolicyHistory history(directory());
  const int most = static_cast<int>(limits::kPolicyHistoryMax);
  for (int number = 0; number <= most; ++number) add(history, number);
  EXPECT_EQ(history.policies().size(), limits::kPolicyHistoryMax);
  EXPECT_EQ(history.policies().front().version, policyOf(1).version);
  EXPECT_EQ(filesKept(), limits::kPolicyHistoryMax);
  EXPECT_FALSE(history.content(policyOf(0).version));
  EXPECT_EQ(PolicyHistory(directory()).policies().size(), limits::kPolicyHistoryMax);
}

TEST_F(HistoryTest, GivesBackOnlyWhatItKept) {
  PolicyHistory history(directory());
  add(history, 1);
  const std::string version = policyOf(1).version;
  std::ofstream(directory() + "/" + version, std::ios::binary | std::ios::app) << "x";
  const auto content = history.content(version);
  ASSERT_FALSE(content);
  EXPECT_THAT(content.error().message, HasSubstr("is not what was kept"));
}

TEST_F(HistoryTest, IsForItsOwnerAlone) {
  PolicyHistory history(directory());
  add(history, 1);
  for (const std::string& path :
       {directory(), directory() + "/index.json", directory() + "/" + policyOf(1).version}) {
    struct stat status {};
    ASSERT_EQ(::stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0077u, 0u) << path;
  }
}

TEST_F(HistoryTest, BeginsAnewWhenItsIndexCannotBeRead) {
  { PolicyHistory history(directory()); }
  for (const char* const text : {"", "{", "[]", "{\"policies\":[{\"version\":\"../../etc\"}]}",
                                 "{\"policies\":[{\"version\":\"0123456789abcdef\"}]}"}) {
    ASSERT_TRUE(writeFile(directory() + "/index.json", text));
    PolicyHistory history(directory());
    EXPECT_THAT(history.policies(), IsEmpty()) << text;
    add(history, 1);
    EXPECT_EQ(PolicyHistory(directory()).policies().size(), 1u);
  }
}

TEST_F(HistoryTest, FindsAVersionByItsFirstDigits) {
  PolicyHistory history(directory());
  add(history, 1);
  add(history, 2);
  const std::string version = policyOf(1).version;
  EXPECT_EQ(history.find(version), version);
  EXPECT_EQ(history.find(version.substr(0, 4)), version);
  EXPECT_FALSE(history.find(version.substr(0, 3)));
  EXPECT_FALSE(history.find(""));
  EXPECT_FALSE(history.find(version + "0"));
  EXPECT_FALSE(history.find("../index.json"));
}

TEST_F(HistoryTest, SaysWhenItCannotKeepAPolicy) {
  PolicyHistory history(folder_.at("no/such/folder"));
  EXPECT_FALSE(history.add(policyOf(1), contentOf(1)));
  EXPECT_EQ(history.policies().size(), 1u);
  PolicyHistory other(directory());
  EXPECT_FALSE(other.add(policyOf(1), std::string(limits::kPolicyKeptBytesMax + 1, 'x')));
}

class KeptPolicyTest : public ::testing::Test {
 protected:
  LoadTools tools() { return {fakes_.registry(), clock_, nullptr}; }
  std::string write(const std::string& filters, const std::string& ca = {}) {
    const std::string upstream =
        ca.empty() ? "url: \"http://127.0.0.1:1\"" : "url: \"https://a\", tls: {ca: " + ca + "}";
    return folder_.write("e.yaml",
                         "listen: {address: \"127.0.0.1:0\", clear_text: true}\n"
                         "upstreams: {agent: {" +
                             upstream + "}}\nroutes: [{name: r, upstream: agent, filters: [" +
                             filters + "]}]\n");
  }

  TempFolder folder_;
  FakeClock clock_;
  FakeRegistry fakes_;
};

TEST_F(KeptPolicyTest, IsTheSamePolicyAgainWhateverBecameOfItsFiles) {
  folder_.write("rules/a.lua", "1");
  folder_.write("actions.yaml", "rows: []");
  const std::string path = write(
      "lua_rules: {folder: rules, file: rules/a.lua}, action_class: {document: actions.yaml}");
  const LoadResult first = loadPolicy(path, tools());
  ASSERT_NE(first.snapshot, nullptr) << testing::PrintToString(first.errors);
  std::filesystem::remove_all(folder_.at("rules"));
  folder_.write("actions.yaml", "[");
  folder_.write("e.yaml", "[");
  const LoadResult again = loadKeptPolicy(first.content, path, tools());
  ASSERT_NE(again.snapshot, nullptr) << testing::PrintToString(again.errors);
  EXPECT_EQ(again.snapshot->version(), first.snapshot->version());
  EXPECT_EQ(again.content, first.content);
  EXPECT_EQ(again.watched, first.watched);
}

TEST_F(KeptPolicyTest, IsRefusedWhenAFileThatIsReadWhileServingIsAnotherOne) {
  folder_.write("ca.pem", "one");
  const LoadResult first = loadPolicy(write("", "ca.pem"), tools());
  ASSERT_NE(first.snapshot, nullptr);
  EXPECT_NE(loadKeptPolicy(first.content, folder_.at("e.yaml"), tools()).snapshot, nullptr);
  folder_.write("ca.pem", "two");
  const LoadResult again = loadKeptPolicy(first.content, folder_.at("e.yaml"), tools());
  ASSERT_EQ(again.snapshot, nullptr);
  EXPECT_THAT(again.errors.front(), HasSubstr("not the one that was kept"));
}

TEST_F(KeptPolicyTest, ThatIsCutAnywhereIsRefused) {
  const LoadResult first = loadPolicy(write("dedupe"), tools());
  for (std::size_t bytes = 0; bytes < first.content.size(); ++bytes) {
    const auto cut = loadKeptPolicy(first.content.substr(0, bytes), folder_.at("e.yaml"), tools());
    EXPECT_EQ(cut.snapshot, nullptr) << bytes;
  }
}

}  // namespace
}  // namespace edgehold
