// src/record/merkle.h: the Merkle tree over a record's events (RFC 9162 §2.1), so that one event,
// or one half of a record, can be proven to somebody who has nothing but a signed root.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "record/sha256.h"

namespace berm {

/// SHA-256(0x00 ‖ data).
[[nodiscard]] Digest leaf_hash(std::string_view data);

/// Grows by one leaf at a time and knows its root; keeps one hash for each bit of its size.
class MerkleTree {
 public:
  void append(const Digest& leaf);
  [[nodiscard]] std::uint64_t size() const { return size_; }
  /// Of the empty tree: SHA-256 of nothing.
  [[nodiscard]] Digest root() const;

 private:
  std::uint64_t size_ = 0;
  std::vector<Digest> complete_;  ///< roots of the complete subtrees, the largest first
};

[[nodiscard]] Digest root_of(std::span<const Digest> leaves);

using MerkleProof = std::vector<Digest>;

/// That leaves[index] is in the tree of all `leaves` (§2.1.3.1). `index` < leaves.size().
[[nodiscard]] MerkleProof prove_inclusion(std::span<const Digest> leaves, std::uint64_t index);
/// §2.1.3.2
[[nodiscard]] bool is_included(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                               std::span<const Digest> proof, const Digest& root);

/// That the tree of the first `older` leaves is the beginning of the tree of all (§2.1.4.1).
/// 0 < `older` <= leaves.size().
[[nodiscard]] MerkleProof prove_growth(std::span<const Digest> leaves, std::uint64_t older);
/// §2.1.4.2
[[nodiscard]] bool has_grown(std::uint64_t older, const Digest& older_root, std::uint64_t newer,
                             const Digest& newer_root, std::span<const Digest> proof);

}  // namespace berm
