#include "record/merkle.h"

#include <gtest/gtest.h>

#include <string>

#include "base/text.h"

namespace berm {
namespace {

// The test data of RFC 6962's reference implementation, whose roots every log agrees on.
const std::vector<std::string> kInputs = {"",
                                          from_hex("00"),
                                          from_hex("10"),
                                          from_hex("2021"),
                                          from_hex("3031"),
                                          from_hex("40414243"),
                                          from_hex("5051525354555657"),
                                          from_hex("606162636465666768696a6b6c6d6e6f")};

std::vector<Digest> leaves_of(std::size_t count) {
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) {
    leaves.push_back(leaf_hash(i < kInputs.size() ? kInputs[i] : std::to_string(i)));
  }
  return leaves;
}

TEST(Merkle, TheRootsOfTheReferenceImplementation) {
  const char* roots[] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                         "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                         "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                         "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                         "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                         "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                         "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                         "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                         "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  for (std::size_t size = 0; size <= kInputs.size(); ++size) {
    EXPECT_EQ(to_hex(root_of(leaves_of(size))), roots[size]) << size;
  }
}

TEST(Merkle, EveryProofHoldsAndNoOtherDoes) {
  const std::vector<Digest> all = leaves_of(70);
  for (std::size_t size = 1; size <= all.size(); ++size) {
    const std::span leaves(all.data(), size);
    const Digest root = root_of(leaves);
    for (std::size_t index = 0; index < size; ++index) {
      MerkleProof proof = prove_inclusion(leaves, index);
      ASSERT_TRUE(is_included(leaves[index], index, size, proof, root)) << index << " of " << size;
      ASSERT_FALSE(is_included(leaves[index], index + 1, size, proof, root));
      ASSERT_FALSE(is_included(leaf_hash("another"), index, size, proof, root));
      proof.emplace_back();
      ASSERT_FALSE(is_included(leaves[index], index, size, proof, root)) << "one hash too many";
    }
    for (std::size_t older = 1; older <= size; ++older) {
      const Digest before = root_of(leaves.first(older));
      MerkleProof proof = prove_growth(leaves, older);
      ASSERT_TRUE(has_grown(older, before, size, root, proof)) << older << " to " << size;
      ASSERT_FALSE(has_grown(older, leaf_hash("x"), size, root, proof));
      if (!proof.empty()) {
        proof.back()[0] ^= 1;
        ASSERT_FALSE(has_grown(older, before, size, root, proof));
        proof.pop_back();
        ASSERT_FALSE(has_grown(older, before, size, root, proof));
      }
    }
  }
}

}  // namespace
}  // namespace berm
