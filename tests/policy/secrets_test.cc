// SPDX-License-Identifier: Apache-2.0
// Laws of secret references: what resolves, what is refused, what is warned of.
// Thread: main only.
#include "proxy/policy/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/crypto/secret.h"
#include "proxy/policy/yaml_source.h"
#include "tests/policy/policy_fakes.h"

namespace edgehold {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Store = SecretPolicy::Store;

class SecretsTest : public ::testing::Test {
 protected:
  Secrets make(Store store = Store::kAny, const std::string& vault = {}) {
    SecretPolicy policy;
    policy.store = store;
    policy.vault_directory = vault;
    const auto environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      if (found == environment_.end()) return std::nullopt;
      return found->second;
    };
    // Files of a test are written now: the wall clock of the machine, not a fake, is their age.
    return Secrets(policy, environment, SystemClock().wallNow() + age_, files_);
  }
  static std::vector<std::string> texts(const Result<SecretVersions>& versions) {
    std::vector<std::string> all;
    if (!versions) return {"error: " + versions.error().message};
    for (const auto& one : *versions) all.emplace_back(one->reveal());
    return all;
  }

  TempFolder folder_;
  PolicyFileSet files_{folder_.path()};
  std::map<std::string, std::string> environment_;
  Duration age_{};
};

TEST_F(SecretsTest, ResolvesTheEnvironmentWithItsPreviousVersion) {
  environment_ = {{"A", "new"}, {"A_PREVIOUS", "old"}, {"B", "only"}, {"EMPTY", ""}};
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${env:A}")), ElementsAre("new", "old"));
  EXPECT_THAT(texts(secrets.resolve("${env:B}")), ElementsAre("only"));
  EXPECT_THAT(secrets.warnings(), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${env:EMPTY}")), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${env:ABSENT}")), IsEmpty());
  EXPECT_EQ(secrets.warnings().size(), 2u);
}

TEST_F(SecretsTest, IgnoresAPreviousVersionWithoutACurrentOne) {
  environment_ = {{"A_PREVIOUS", "old"}};
  folder_.write("s.previous", "old");
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${env:A}")), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${file:s}")), IsEmpty());
}

TEST_F(SecretsTest, ReadsFilesWithoutTheirLastLineEnd) {
  folder_.write("a", "s3cret\n");
  folder_.write("a.previous", "older\r\n");
  folder_.write("pem", "line 1\nline 2\n\n");
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${file:a}")), ElementsAre("s3cret", "older"));
  EXPECT_THAT(texts(secrets.resolve("${file:" + folder_.at("a") + "}")),
              ElementsAre("s3cret", "older"));
  EXPECT_THAT(texts(secrets.resolve("${file:pem}")), ElementsAre("line 1\nline 2\n"));
  EXPECT_THAT(files_.watched(), ::testing::Contains(folder_.at("a.previous")));
}

TEST_F(SecretsTest, DoesNotResolveEmptyOversizedOrSpecialFiles) {
  folder_.write("empty", "\n");
  folder_.write("big", std::string(limits::kSecretBytesMax + 1, 'x'));
  folder_.write("fits", std::string(limits::kSecretBytesMax, 'x'));
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${file:empty}")), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${file:big}")), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${file:.}")), IsEmpty());
  EXPECT_THAT(texts(secrets.resolve("${file:/dev/zero}")), IsEmpty());
  EXPECT_EQ(texts(secrets.resolve("${file:fits}")).size(), 1u);
}

TEST_F(SecretsTest, WarnsOfFilesThatEverybodyReads) {
  const std::string file = folder_.write("a", "s");
  std::filesystem::permissions(file, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${file:a}")), ElementsAre("s"));
  EXPECT_THAT(secrets.warnings(), ElementsAre(HasSubstr("everybody can read")));
}

TEST_F(SecretsTest, WarnsOfFilesPastTheirRotation) {
  folder_.write("a", "s");
  age_ = std::chrono::hours(24 * 31);
  Secrets secrets = make();
  EXPECT_THAT(texts(secrets.resolve("${file:a}")), ElementsAre("s"));
  EXPECT_THAT(secrets.warnings(), ElementsAre(HasSubstr("older than 30 days")));
}

TEST_F(SecretsTest, TellsTheStateOfEveryReferenceAndNeverTheSecret) {
  folder_.write("a", "s");
  folder_.write("a.previous", "t");
  environment_["B"] = "u";
  Secrets secrets = make();
  for (const char* reference : {"${file:a}", "${env:B}", "${env:LOST}", "${file:a}"}) {
    EXPECT_TRUE(secrets.resolve(reference));
  }
  const std::vector<SecretState> states = secrets.states();
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0].reference, "${env:B}");
  EXPECT_EQ(states[0].versions, 1u);
  EXPECT_FALSE(states[0].modified);
  EXPECT_FALSE(states[0].isDue(WallTime::max(), 1));
  EXPECT_EQ(states[1].reference, "${env:LOST}");
  EXPECT_EQ(states[1].versions, 0u);
  EXPECT_EQ(states[2].versions, 2u);
  ASSERT_TRUE(states[2].modified);
  const auto month = std::chrono::hours(24) * 30;
  EXPECT_FALSE(states[2].isDue(*states[2].modified + month, 30));
  EXPECT_TRUE(states[2].isDue(*states[2].modified + month + std::chrono::seconds(1), 30));
}

TEST_F(SecretsTest, ReadsVaultReferencesFromTheVaultDirectory) {
  folder_.write("vault/bots/qq/signing", "v\n");
  Secrets secrets = make(Store::kAny, folder_.at("vault"));
  EXPECT_THAT(texts(secrets.resolve("${vault:bots/qq#signing}")), ElementsAre("v"));
  Secrets without = make();
  EXPECT_THAT(texts(without.resolve("${vault:bots/qq#signing}")), IsEmpty());
  EXPECT_THAT(without.warnings(), ElementsAre(HasSubstr("does not resolve")));
}

TEST_F(SecretsTest, RefusesLiteralsWithoutShowingThem) {
  Secrets secrets = make();
  for (const std::string text : {"hunter2", "", "$env:A", "${env:A", "env:A}"}) {
    const auto resolved = secrets.resolve(text);
    ASSERT_FALSE(resolved.has_value()) << text;
    EXPECT_EQ(resolved.error().message,
              "a secret must not be written here, write a reference: `${env:NAME}`, "
              "`${file:/path}` or `${vault:path#key}`");
  }
}

TEST_F(SecretsTest, RefusesMalformedReferences) {
  Secrets secrets = make(Store::kAny, folder_.path());
  for (const std::string text :
       {"${}", "${env:}", "${env:1A}", "${env:A B}", "${file:}", "${vault:a}", "${vault:#k}",
        "${vault:a#}", "${vault:../a#k}", "${vault:a/./b#k}", "${vault:/a#k}", "${vault:a#../k}",
        "${kms:a}", "${ENV:A}"}) {
    EXPECT_FALSE(secrets.resolve(text).has_value()) << text;
  }
}

TEST_F(SecretsTest, RefusesReferencesThatTheStoreDoesNotAccept) {
  environment_ = {{"A", "x"}};
  folder_.write("a", "s");
  EXPECT_TRUE(make(Store::kEnv).resolve("${env:A}").has_value());
  EXPECT_FALSE(make(Store::kEnv).resolve("${file:a}").has_value());
  EXPECT_FALSE(make(Store::kFile).resolve("${env:A}").has_value());
  EXPECT_FALSE(make(Store::kVault).resolve("${env:A}").has_value());
  EXPECT_TRUE(make(Store::kKmsOrVault).resolve("${env:A}").has_value());
  EXPECT_TRUE(make(Store::kKmsOrVault).resolve("${vault:a#b}").has_value());
}

std::vector<std::string> literalsIn(std::string_view text) {
  ConfigErrors errors;
  const auto tree = parseYaml(text, "e.yaml", errors);
  EXPECT_TRUE(tree.has_value());
  rejectLiteralSecrets(*tree, errors);
  return errors.messages();
}

TEST(LiteralSecrets, AreFoundByTheNameOfTheirKey) {
  for (const std::string text :
       {"secret: x", "a: {secrets: [x]}", "a: [{webhook_secret: x}]", "Password: x", "bot_token: x",
        "api_keys: x", "a: {tokens: [\"${env:A}\", x]}"}) {
    EXPECT_EQ(literalsIn(text).size(), 1u) << text;
  }
  EXPECT_THAT(literalsIn("a:\n  secret: x\n")[0], ::testing::StartsWith("e.yaml:2:11: a.secret: "));
}

TEST(LiteralSecrets, AreFoundByTheirFormWhateverTheKey) {
  EXPECT_EQ(literalsIn("note: |\n  -----BEGIN EC PRIVATE KEY-----\n  x\n").size(), 1u);
}

TEST(LiteralSecrets, AreNotReferencesNorOtherKeys) {
  for (const std::string text :
       {"secret: \"${env:A}\"", "secrets: [\"${file:/a}\", \"${vault:a#b}\"]", "key: key.pem",
        "secrets: {store: kms_or_vault}", "secret:", "secretary: x", "tokenizer: x",
        "signature_header: x"}) {
    EXPECT_THAT(literalsIn(text), IsEmpty()) << text;
  }
}

}  // namespace
}  // namespace edgehold
