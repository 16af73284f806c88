#include "net/trust_files.h"

#include <fmt/format.h>

#include "net/authority.h"
#include "net/tls_test_support.h"

namespace berm {
namespace {

using test::Finished;
using test::run;
using test::Scratch;

std::string ca_pem() {
  const std::string host = "a.example";
  return RunAuthority::create({&host, 1}, std::chrono::hours(1))->certificate_pem();
}

std::string comment(std::string_view text) { return fmt::format("# {}\n", text); }

TEST(DerCertificates, AreTheArmouredOnesAlone) {
  EXPECT_TRUE(der_certificates("").empty());
  EXPECT_TRUE(der_certificates("no armour").empty());
  const std::string broken = "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n";
  EXPECT_TRUE(der_certificates(broken).empty());
  EXPECT_TRUE(der_certificates(broken.substr(0, 30)).empty());
  const PrivateKey key(EVP_EC_gen("P-256"));
  const std::string first = ca_pem();
  const std::string second = ca_pem();
  const auto der =
      der_certificates(comment("one") + first + test::pem_of(key.get()) + broken + second);
  ASSERT_EQ(der.size(), 2U);
  EXPECT_EQ(der[0], der_certificates(first).at(0));
  EXPECT_EQ(der[1], der_certificates(second).at(0));
  EXPECT_EQ(der[0].substr(0, 2), "\x30\x82");
}

TEST(DerCertificates, LeaveOutThoseThatSayHowFarTheyAreTrusted) {
  const Scratch scratch;
  const std::string file = scratch.file("ca.pem", ca_pem());
  const Finished distrusted = run("openssl x509 -trustout -addreject serverAuth -in " + file);
  ASSERT_NE(distrusted.out.find("BEGIN TRUSTED CERTIFICATE"), std::string::npos) << distrusted.out;
  EXPECT_TRUE(der_certificates(distrusted.out).empty());
}

TEST(JavaTrustStore, HasTheFormOfItsSpecification) {
  using namespace std::string_literals;
  const std::string store = java_trust_store(std::vector{"DER"s}, 0x0102030405060708, "changeit");
  const std::string expected =
      "\xfe\xed\xfe\xed\0\0\0\2\0\0\0\1\0\0\0\2\0\6berm-1\1\2\3\4\5\6\7\x08\0\5X.509\0\0\0\3DER"s;
  EXPECT_EQ(store.substr(0, store.size() - 20), expected);
  EXPECT_EQ(java_trust_store({}).size(), 12U + 20U);
}

TEST(JavaTrustStore, IsReadByJava) {
  if (run("command -v keytool").code != 0) BERM_SKIP_OR_FAIL("keytool is not installed");
  const Scratch scratch;
  const std::string first = ca_pem();
  const std::string second = ca_pem();
  const std::string store = scratch.file(
      "trust.jks", java_trust_store(der_certificates(first + second), 1'700'000'000'000));
  const std::string keytool = "keytool -list -rfc -keystore " + store + " -storepass ";
  const Finished listed = run(keytool + "changeit");
  EXPECT_EQ(listed.code, 0) << listed.out;
  EXPECT_NE(listed.out.find("Your keystore contains 2 entries"), std::string::npos) << listed.out;
  EXPECT_NE(listed.out.find("trustedCertEntry"), std::string::npos) << listed.out;
  EXPECT_EQ(der_certificates(listed.out), der_certificates(first + second));
  EXPECT_NE(run(keytool + "another").code, 0) << "the check sum is not checked";
}

TEST(Bundle, HoldsBoth) {
  const Scratch scratch;
  const std::string system = ca_pem();
  const std::string ours = ca_pem();
  std::string unended = system;
  unended.pop_back();
  for (const std::string& first : {system, unended}) {
    const std::string both = bundle(first, ours);
    EXPECT_EQ(der_certificates(both), der_certificates(system + ours));
    const std::string file = scratch.path() + "/bundle.pem";
    EXPECT_TRUE(replace_file(file, both));
    const std::string root = scratch.path() + "/root.pem";
    EXPECT_TRUE(replace_file(root, ours));
    const Finished verified = run(fmt::format("openssl verify -CAfile {} {}", file, root));
    EXPECT_EQ(verified.code, 0) << verified.out;
  }
  EXPECT_EQ(bundle("", "x"), "x\n");
}

}  // namespace
}  // namespace berm
