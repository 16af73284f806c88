#include "redact/scanner.h"

#include <gtest/gtest.h>

#include "base/base64.h"

namespace berm {
namespace {

const std::string kValue = "Zk4tWq9LmXr2Vb7NcY5hPd3F";
const std::string kPlaceholder = "BERM_PLACEHOLDER_0123456789";

TEST(Scanner, FindsASecretAcrossAnyBorder) {
  KnownSecrets secrets;
  ASSERT_TRUE(secrets.add("key", kValue));
  for (const std::string& text :
       {"ab" + kValue + "cd", "ab" + base64(kValue) + "cd", "ab" + kValue.substr(2, 12) + "cd"}) {
    for (std::size_t size = 1; size <= text.size(); ++size) {
      Scanner scanner(secrets);
      std::string_view found;
      for (std::size_t at = 0; at < text.size(); at += size) {
        found = scanner.feed(std::string_view(text).substr(at, size));
      }
      EXPECT_EQ(found, "key") << size;
    }
  }
  Scanner scanner(secrets);
  EXPECT_EQ(scanner.feed(kValue.substr(0, 11)), "");
  EXPECT_EQ(scanner.feed("-"), "");
  EXPECT_EQ(scanner.feed(kValue.substr(11, 11)), "");
}

TEST(Scanner, NamesTheFirstAndStaysWithIt) {
  KnownSecrets secrets;
  ASSERT_TRUE(secrets.add("key", kValue));
  ASSERT_TRUE(secrets.add("placeholder", kPlaceholder, Recognise::whole_only));
  Scanner scanner(secrets);
  EXPECT_EQ(scanner.feed("x"), "");
  EXPECT_EQ(scanner.feed("x" + kPlaceholder + kValue), "placeholder");
  EXPECT_EQ(scanner.feed(kValue), "placeholder");
}

TEST(Scanner, OfPlaceholdersPassesPartsAndOtherForms) {
  KnownSecrets placeholders;
  ASSERT_TRUE(placeholders.add("token", kPlaceholder, Recognise::whole_only));
  Scanner scanner(placeholders);
  EXPECT_EQ(scanner.feed(kPlaceholder.substr(1) + base64(kPlaceholder)), "");
  EXPECT_EQ(scanner.feed(kPlaceholder), "token");
}

TEST(Scanner, WithoutSecretsFindsNothing) {
  const KnownSecrets none;
  Scanner scanner(none);
  EXPECT_EQ(scanner.feed(kValue), "");
}

}  // namespace
}  // namespace berm
