#include "workspace/hidden.h"

#include <gtest/gtest.h>

#include "plan/make_plan.h"

namespace berm {
namespace {

RepositoryFacts facts() {
  const HostPath root = *HostPath::parse("/r");
  return {.root = root, .git_dir = root / ".git", .common_dir = root / ".git"};
}

std::string listing(const RepositoryFacts& found) {
  std::string out;
  for (const HiddenPath& hidden : found.hidden) {
    out += hidden.path + (hidden.directory ? "/ " : " ");
  }
  out += "|";
  for (const MaskParent& parent : found.hidden_parents) out += " " + parent.path;
  return out;
}

TEST(HiddenInCommit, NamesFilesFoldersAndTheFoldersAbove) {
  RepositoryFacts found = facts();
  find_hidden_in(found,
                 {"a.c", "deploy/prod/.env", "deploy/prod/x", "deploy/tls/ca.pem", ".ssh/config",
                  ".ssh/id", "docs/env.md", "src/.environment"},
                 built_in_hidden());
  EXPECT_EQ(listing(found),
            ".ssh/ deploy/prod/.env deploy/tls/ca.pem | deploy deploy/prod deploy/tls");
  EXPECT_TRUE(found.hidden_in_history);
}

TEST(HiddenInCommit, APatternWithAFolderIsAnchored) {
  RepositoryFacts found = facts();
  find_hidden_in(found, {"conf/a", "x/conf/a", "conf/b/c"},
                 {*Glob::parse("conf/b/**"), *Glob::parse("conf/a")});
  EXPECT_EQ(listing(found).substr(0, 7), "conf/a ");
  EXPECT_EQ(listing(found).find("x/conf"), std::string::npos);
}

TEST(HiddenInCommit, NothingToHideHidesNothing) {
  RepositoryFacts found = facts();
  find_hidden_in(found, {"a", "b/c", ""}, built_in_hidden());
  EXPECT_EQ(listing(found), "|");
  EXPECT_FALSE(found.hidden_in_history);
}

}  // namespace
}  // namespace berm
