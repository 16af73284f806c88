#include "record/merkle.h"

#include <bit>

namespace berm {
namespace {

Digest node_hash(const Digest& left, const Digest& right) {
  Sha256 hash;
  hash.update(std::string_view("\x01", 1));
  hash.update(bytes_of(left));
  hash.update(bytes_of(right));
  return hash.digest();
}

// Where a tree of `size` > 1 leaves divides: the largest power of two below `size`.
std::uint64_t division(std::uint64_t size) { return std::bit_floor(size - 1); }

// SUBPROOF of §2.1.4.1. `known`: the verifier has this subtree's root already.
void prove_subtree(std::span<const Digest> leaves, std::uint64_t older, bool known,
                   MerkleProof& proof) {
  if (older == leaves.size()) {
    if (!known) proof.push_back(root_of(leaves));
    return;
  }
  const std::uint64_t at = division(leaves.size());
  if (older <= at) {
    prove_subtree(leaves.first(at), older, known, proof);
    proof.push_back(root_of(leaves.subspan(at)));
  } else {
    prove_subtree(leaves.subspan(at), older - at, false, proof);
    proof.push_back(root_of(leaves.first(at)));
  }
}

}  // namespace

Digest leaf_hash(std::string_view data) {
  Sha256 hash;
  hash.update(std::string_view("\x00", 1));
  hash.update(data);
  return hash.digest();
}

void MerkleTree::append(const Digest& leaf) {
  complete_.push_back(leaf);
  // As many subtrees of the same size meet as the old size ends in ones.
  for (std::uint64_t ones = size_; (ones & 1) != 0; ones >>= 1) {
    const Digest right = complete_.back();
    complete_.pop_back();
    complete_.back() = node_hash(complete_.back(), right);
  }
  ++size_;
}

Digest MerkleTree::root() const {
  if (complete_.empty()) return Sha256().digest();
  Digest root = complete_.back();
  for (std::size_t i = complete_.size() - 1; i-- > 0;) root = node_hash(complete_[i], root);
  return root;
}

Digest root_of(std::span<const Digest> leaves) {
  MerkleTree tree;
  for (const Digest& leaf : leaves) tree.append(leaf);
  return tree.root();
}

MerkleProof prove_inclusion(std::span<const Digest> leaves, std::uint64_t index) {
  MerkleProof proof;
  while (leaves.size() > 1) {
    const std::uint64_t at = division(leaves.size());
    const bool in_left = index < at;
    proof.insert(proof.begin(), root_of(in_left ? leaves.subspan(at) : leaves.first(at)));
    leaves = in_left ? leaves.first(at) : leaves.subspan(at);
    if (!in_left) index -= at;
  }
  return proof;
}

bool is_included(const Digest& leaf, std::uint64_t index, std::uint64_t size,
                 std::span<const Digest> proof, const Digest& root) {
  if (index >= size) return false;
  std::uint64_t node = index;
  std::uint64_t last = size - 1;
  Digest hash = leaf;
  for (const Digest& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

MerkleProof prove_growth(std::span<const Digest> leaves, std::uint64_t older) {
  MerkleProof proof;
  prove_subtree(leaves, older, true, proof);
  return proof;
}

bool has_grown(std::uint64_t older, const Digest& older_root, std::uint64_t newer,
               const Digest& newer_root, std::span<const Digest> proof) {
  if (older == 0 || older > newer) return false;
  if (older == newer) return proof.empty() && older_root == newer_root;
  MerkleProof nodes(proof.begin(), proof.end());
  if (std::has_single_bit(older)) nodes.insert(nodes.begin(), older_root);
  if (nodes.empty()) return false;
  std::uint64_t node = older - 1;
  std::uint64_t last = newer - 1;
  for (; (node & 1) != 0; node >>= 1) last >>= 1;
  Digest first = nodes.front();
  Digest second = nodes.front();
  for (std::size_t i = 1; i < nodes.size(); ++i) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      first = node_hash(nodes[i], first);
      second = node_hash(nodes[i], second);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      second = node_hash(second, nodes[i]);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && first == older_root && second == newer_root;
}

}  // namespace berm
