#include "record/signature.h"

#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/text.h"
#include "record/checkpoint.h"

namespace berm {
namespace {

// RFC 8032 §7.1, TEST 2.
const std::string kSeed =
    from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
const std::string kPublic =
    from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");

TEST(Signature, TheExampleOfTheRfc) {
  const Result<SigningKey> key = SigningKey::parse(base64(kSeed));
  ASSERT_TRUE(key.has_value());
  const PublicKey& mine = key->public_key();
  EXPECT_EQ(std::string(mine.begin(), mine.end()), kPublic);
  const std::string signature = key->sign("\x72");
  EXPECT_EQ(to_hex({reinterpret_cast<const unsigned char*>(signature.data()), signature.size()}),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(is_signed_by(mine, "\x72", signature));
  EXPECT_FALSE(is_signed_by(mine, "\x73", signature));
  EXPECT_FALSE(is_signed_by(mine, "\x72", signature.substr(1)));
}

TEST(Signature, KeysAreReadInBothForms) {
  const Result<SigningKey> key = SigningKey::parse(base64(kSeed));
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(parse_public_key(to_pem(key->public_key())), key->public_key());
  EXPECT_EQ(parse_public_key(base64(kPublic) + "\n"), key->public_key());
  for (const char* wrong :
       {"", "AAAA", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"}) {
    EXPECT_FALSE(parse_public_key(wrong).has_value()) << wrong;
    EXPECT_FALSE(SigningKey::parse(wrong).has_value()) << wrong;
  }
}

TEST(Signature, ANoteIsOnesOwnOrNobodys) {
  const Result<SigningKey> key = SigningKey::parse(base64(kSeed));
  const Result<SigningKey> other = SigningKey::generate();
  const std::string text = to_text(Checkpoint{.run = "r-1", .size = 3, .head = "00", .time = "t"});
  const std::string note = signed_note(text, run_signer("r-1"), key->public_key(), key->sign(text));
  const std::optional<SignedNote> parsed = parse_note(note);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->text, text);
  EXPECT_TRUE(is_signed_by(key->public_key(), *parsed));
  EXPECT_FALSE(is_signed_by(other->public_key(), *parsed));
  EXPECT_EQ(parse_checkpoint(parsed->text)->size, 3U);
  for (std::size_t i = 0; i < note.size(); ++i) {
    std::string flipped = note;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    const std::optional<SignedNote> read = parse_note(flipped);
    EXPECT_FALSE(read && is_signed_by(key->public_key(), *read)) << i;
  }
  EXPECT_TRUE(verifier_key("berm/r-1", key->public_key()).starts_with("berm/r-1+"));
}

}  // namespace
}  // namespace berm
