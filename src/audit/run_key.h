// src/audit/run_key.h: the key that signs one run's record.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "record/checkpoint.h"

namespace berm {

/// Who vouches for the keys of runs: a key that lasts, or a program that holds one (a KMS, an HSM).
struct LastingKey {
  std::optional<SigningKey> key;
  std::vector<std::string> command;     ///< reads what is to be signed and prints base64
  std::optional<PublicKey> public_key;  ///< of the command's
};

struct RunKey {
  SigningKey key;
  std::string certificate;  ///< a signed note with a RunKeyClaim; "" = nobody vouches
};

/// @return  Errc::denied  the program does not sign, or not with the key it is said to have.
[[nodiscard]] Result<RunKey> make_run_key(const std::string& run,
                                          const std::optional<LastingKey>& lasting);

/// The data of the event that names it ("record.key").
[[nodiscard]] nlohmann::json to_json(const RunKey& key);

}  // namespace berm
