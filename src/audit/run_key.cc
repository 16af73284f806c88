#include "audit/run_key.h"

#include <fmt/format.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "audit/record_file.h"
#include "base/base64.h"
#include "base/text.h"
#include "sys/child.h"

namespace berm {
namespace {

constexpr std::chrono::seconds kPatience{30};
constexpr std::size_t kMostOutput = 4096;
constexpr std::size_t kMostWords = 300;

// What the key that lasts says of `text`, checked before anybody relies on it.
Result<std::string> vouch(const LastingKey& lasting, const std::string& text) {
  if (lasting.key) {
    return signed_note(text, kLastingSigner, lasting.key->public_key(), lasting.key->sign(text));
  }
  // The user's own program, with the user's own environment: a client of a KMS needs it.
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) environment.emplace_back(*entry);
  const CommandResult said = BERM_TRY(run_command({.argv = lasting.command,
                                                   .env = environment,
                                                   .directory = "/",
                                                   .input = text,
                                                   .output_limit = kMostOutput,
                                                   .deadline = kPatience}));
  if (said.code != 0) {
    return failure(Errc::denied,
                   fmt::format("the program of audit.key ends with code {}: '{}'", said.code,
                               printable(trim(said.errors).substr(0, kMostWords))),
                   "run it by hand: " + printable(lasting.command.front()));
  }
  const std::string signature = base64_decoded(trim(said.output)).value_or("");
  if (!lasting.public_key || !is_signed_by(*lasting.public_key, text, signature)) {
    return failure(Errc::denied, "the program of audit.key did not sign with audit.public_key",
                   "it reads the text from its input and prints the base64 of the 64 bytes of an "
                   "Ed25519 signature");
  }
  return signed_note(text, kLastingSigner, *lasting.public_key, signature);
}

}  // namespace

Result<RunKey> make_run_key(const std::string& run, const std::optional<LastingKey>& lasting) {
  RunKey out{.key = BERM_TRY(SigningKey::generate()), .certificate = ""};
  if (!lasting) return out;
  const RunKeyClaim claim{.run = run, .key = out.key.public_key(), .time = wall_time()};
  out.certificate = BERM_TRY(vouch(*lasting, to_text(claim)));
  return out;
}

nlohmann::json to_json(const RunKey& key) {
  const PublicKey& bytes = key.key.public_key();
  return {{"algorithm", "ed25519"},
          {"public", base64(bytes_of(bytes))},
          {"fingerprint", fingerprint(bytes)},
          {"certificate",
           key.certificate.empty() ? nlohmann::json() : nlohmann::json(key.certificate)}};
}

}  // namespace berm
