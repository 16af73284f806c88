// src/record/record_test_support.h: signed records for tests, without a file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "record/canonical.h"
#include "record/chain.h"
#include "record/checkpoint.h"
#include "record/merkle.h"

namespace berm {

/// Writes as RecordFile does.
class RecordWriter {
 public:
  /// @param start  data of "run.start"
  explicit RecordWriter(std::string run, const SigningKey* lasting = nullptr,
                        const nlohmann::json& start = {{"berm", "1"}})
      : run_(std::move(run)), key_(*SigningKey::generate()) {
    append("run.start", start);
    const PublicKey& bytes = key_.public_key();
    nlohmann::json data = {{"public", base64(bytes_of(bytes))}};
    if (lasting != nullptr) {
      const std::string claim = to_text(RunKeyClaim{.run = run_, .key = bytes, .time = "now"});
      data["certificate"] =
          signed_note(claim, kLastingSigner, lasting->public_key(), lasting->sign(claim));
    }
    append("record.key", data);
  }

  void append(const std::string& type, const nlohmann::json& data) {
    const SealedEvent event = seal_event({.run = run_,
                                          .sequence = lines_.size(),
                                          .time = "2026-11-22T00:00:00.000000000Z",
                                          .monotonic_ns = static_cast<std::int64_t>(lines_.size()),
                                          .source = "supervisor",
                                          .type = type},
                                         canonical(data), head_);
    lines_.push_back(event.line);
    head_ = event.hash;
    tree_.append(leaf_hash(from_hex(event.hash)));
  }

  void checkpoint() {
    const std::string text = to_text(Checkpoint{
        .run = run_, .size = tree_.size(), .root = tree_.root(), .head = head_, .time = "now"});
    append("checkpoint",
           {{"note", signed_note(text, run_signer(run_), key_.public_key(), key_.sign(text))}});
  }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] const std::string& head() const { return head_; }

 private:
  std::string run_;
  SigningKey key_;
  std::vector<std::string> lines_;
  std::string head_ = genesis_hash();
  MerkleTree tree_;
};

}  // namespace berm
