#include <gtest/gtest.h>

#include <algorithm>

#include "rules/changes/changes.h"

namespace berm {
namespace {

GuardPolicy open_policy() {
  GuardPolicy policy;
  policy.allow = {*Glob::parse("**")};
  for (const auto& [name, value] : names(ProtectClass{})) policy.protect.push_back(value);
  policy.max_files = 100;
  policy.max_size = {1 << 20};
  return policy;
}

Change file(std::string path, std::string text = "x\n") {
  Change change{.path = std::move(path)};
  change.after = {.type = FileType::regular, .mode = 0644, .size = text.size()};
  change.text = std::move(text);
  return change;
}

// "rule:severity" of every finding, sorted.
std::vector<std::string> judged(std::vector<Change> files,
                                const GuardPolicy& policy = open_policy()) {
  std::vector<std::string> out;
  for (const Finding& f : judge_changes({.files = std::move(files)}, policy)) {
    out.push_back(f.rule + (f.severity == Severity::refuse ? ":refuse" : ":report"));
  }
  std::ranges::sort(out);
  return out;
}
using Rules = std::vector<std::string>;

TEST(Guard, AnOrdinaryChangeHasNoFinding) {
  EXPECT_EQ(judged({file("src/a.c", "int x;\n")}), Rules{});
}

TEST(Guard, RefusesWhatIsOutsideAllow) {
  GuardPolicy policy = open_policy();
  policy.allow = {*Glob::parse("src/**")};
  EXPECT_EQ(judged({file("docs/a.md")}, policy), Rules{"outside-allow:refuse"});
  policy.allow = {};
  EXPECT_EQ(judged({file("src/a.c")}, policy), Rules{"outside-allow:refuse"})
      << "an empty list allows nothing";
}

TEST(Guard, KnowsTheFilesThatOtherProgramsExecute) {
  const struct {
    std::string_view path;
    ProtectClass wanted;
  } kCases[] = {
      {".github/workflows/ci.yml", ProtectClass::ci},
      {".GitHub/Workflows/ci.yml", ProtectClass::ci},  // another file system folds the case
      {".gitlab-ci.yml", ProtectClass::ci},
      {"sub/.gitattributes", ProtectClass::git},
      {".husky/pre-commit", ProtectClass::git},
      {".husky", ProtectClass::git},  // a link in the place of the folder
      {"a/b/.claude/settings.json", ProtectClass::agent},
      {"CLAUDE.md", ProtectClass::agent},
      {"berm.toml", ProtectClass::agent},
      {".vscode/tasks.json", ProtectClass::editor},
      {".envrc", ProtectClass::shell},
      {"pkg/.npmrc", ProtectClass::packages},
      {"crate/build.rs", ProtectClass::packages},
      {"conftest.py", ProtectClass::packages},
      {".github/CODEOWNERS", ProtectClass::ownership},
  };
  for (const auto& [path, wanted] : kCases) {
    SCOPED_TRACE(path);
    EXPECT_EQ(protect_class_of(path), wanted);
    EXPECT_TRUE(std::ranges::count(judged({file(std::string(path))}), "protected-file:refuse") ==
                1);
  }
  EXPECT_EQ(protect_class_of("src/workflows/ci.yml"), std::nullopt);
  EXPECT_EQ(protect_class_of("my.npmrc"), std::nullopt) << "whole names only";
}

TEST(Guard, AProtectedPathNamedExactlyIsOnlyReported) {
  GuardPolicy policy = open_policy();
  policy.allow = {*Glob::parse(".github/workflows/ci.yml")};
  EXPECT_EQ(judged({file(".github/workflows/ci.yml")}, policy), Rules{"protected-file:report"});
}

TEST(Guard, SeesGitDirectoriesInEveryDisguise) {
  for (const char* path : {"sub/.git/config", "x/.GIT/hooks/post-checkout", "a/git~1/config",
                           "a/.git /config", "a/.git./config", "a/.g\xe2\x80\x8cit/config"}) {
    SCOPED_TRACE(path);
    EXPECT_GE(std::ranges::count(judged({file(path)}), "git-directory:refuse"), 1);
  }
  EXPECT_EQ(std::ranges::count(judged({file("a/.gitkeep")}), "git-directory:refuse"), 0);
}

TEST(Guard, JudgesLinksByWhereTheyLead) {
  const auto link = [](std::string path, std::string target) {
    Change change{.path = std::move(path)};
    change.after = {.type = FileType::symlink, .mode = 0777, .link = std::move(target)};
    return judged({change});
  };
  EXPECT_EQ(link("a/x", "/etc/passwd"), Rules{"escaping-symlink:refuse"});
  EXPECT_EQ(link("a/x", "../../etc"), Rules{"escaping-symlink:refuse"});
  EXPECT_EQ(link("a/x", "b/../../../y"), Rules{"escaping-symlink:refuse"});
  EXPECT_EQ(link("a/x", "../.git/config"), Rules{"escaping-symlink:refuse"});
  EXPECT_EQ(link("a/x", "../b/y"), Rules{"escaping-symlink:report"});
}

TEST(Guard, RefusesWhatNoRepositoryHolds) {
  Change change{.path = "x"};
  for (const FileType type : {FileType::fifo, FileType::socket, FileType::device}) {
    change.after = {.type = type, .mode = 0644};
    EXPECT_EQ(judged({change}), Rules{"special-file:refuse"});
  }
  Change setuid = file("x");
  setuid.after.mode = 04755;
  EXPECT_EQ(judged({setuid}), Rules{"special-mode:refuse"});
  Change linked = file("x");
  linked.after.links = 2;
  EXPECT_EQ(judged({linked}), Rules{"hard-link:refuse"});
  Change twin = file("README.MD");
  twin.case_twin = "README.md";
  EXPECT_EQ(judged({twin}), Rules{"case-collision:refuse"});
}

TEST(Guard, FindsHiddenCharactersInAddedLinesOnly) {
  EXPECT_EQ(judged({file("a.c", "x\xe2\x80\xaey\n")}), Rules{"hidden-unicode:refuse"});
  EXPECT_EQ(judged({file("a.md", "hi\xf3\xa0\x80\xa0\n")}), Rules{"hidden-unicode:refuse"})
      << "tag characters";
  Change old = file("a.c", "x\xe2\x80\xaey\nnew\n");
  old.base_text = "x\xe2\x80\xaey\n";
  EXPECT_EQ(judged({old}), Rules{}) << "it was there before";
}

TEST(Guard, RefusesCommandsThatRunWhenThePackageIsInstalled) {
  const auto manifest = [](std::string path, std::string text, std::string base = "") {
    Change change = file(std::move(path), std::move(text));
    change.base_text = std::move(base);
    return judged({change});
  };
  const std::string with = R"({"scripts": {"postinstall": "node x.js", "test": "jest"}})";
  EXPECT_EQ(manifest("package.json", with), Rules{"install-script:refuse"});
  EXPECT_EQ(manifest("packages/a/package.json", with, R"({"scripts": {"test": "jest"}})"),
            Rules{"install-script:refuse"});
  EXPECT_EQ(manifest("package.json", with, R"({"scripts": {"postinstall": "node y.js"}})"),
            Rules{"install-script:refuse"});
  EXPECT_EQ(manifest("package.json", R"({"scripts": {"postinstall": "node x.js"}, "a": 1})", with),
            Rules{})
      << "it was there before";
  EXPECT_EQ(manifest("package.json", R"({"scripts": {"test": "curl x | sh"}})"), Rules{})
      << "somebody must call it";
  EXPECT_EQ(manifest("composer.json", R"({"scripts": {"post-install-cmd": "x"}})"),
            Rules{"install-script:refuse"});
  EXPECT_EQ(manifest("package.json", "\xef\xbb\xbf" + with), Rules{"install-script:refuse"});
  EXPECT_EQ(manifest("package.json", "{ no JSON"), Rules{"install-script:refuse"});
}

TEST(Guard, FindsCredentialsAndNeverPrintsThem) {
  const std::string key = "ghp_" + std::string(36, 'A');
  const std::vector<Finding> findings =
      judge_changes({.files = {file("a.c", "t = \"" + key + "\"\n")}}, open_policy());
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_EQ(findings[0].rule, "credential");
  EXPECT_EQ(findings[0].message.find(key), std::string::npos);
  EXPECT_NE(credential_in("AKIA" + std::string(16, 'B')), "");
  EXPECT_NE(credential_in("-----BEGIN OPENSSH PRIVATE KEY-----"), "");
  EXPECT_NE(credential_in("x ghs_123_eyJ." + std::string(40, 'c')), "")
      << "the token format of 2026, with dots";
  EXPECT_EQ(credential_in("MAKIA" + std::string(16, 'B')), "") << "inside a longer word";
  EXPECT_EQ(credential_in("sk-ant-api03-short"), "");
}

TEST(Guard, CountsAndSizesHaveLimits) {
  GuardPolicy policy = open_policy();
  policy.max_files = 1;
  EXPECT_EQ(judged({file("a"), file("b")}, policy), Rules{"too-many-files:refuse"});
  policy = open_policy();
  policy.max_size = {1};
  EXPECT_EQ(judged({file("a")}, policy), Rules{"too-large:refuse"});
}

TEST(Guard, IgnoredFilesAreNotJudgedBecauseTheyAreNotImported) {
  Change ignored = file("sub/.git/config");
  ignored.ignored = true;
  EXPECT_EQ(judged({ignored}), Rules{});
}

TEST(Guard, CompiledProgramsAreRefusedOtherBinariesReported) {
  Change elf = file("a.out", std::string("\x7f"
                                         "ELF\0",
                                         5));
  elf.binary = true;
  EXPECT_EQ(judged({elf}), Rules{"binary:refuse"});
  Change image = file("a.png", std::string("\x89PNG\0", 5));
  image.binary = true;
  EXPECT_EQ(judged({image}), Rules{"binary:report"});
}

TEST(Guard, FileNamesThatAttackWhoeverListsThem) {
  EXPECT_EQ(judged({file("a\nb")}), Rules{"file-name:refuse"});
  EXPECT_EQ(judged({file("a\x1b[2Jb")}), Rules{"file-name:refuse"});
  EXPECT_EQ(judged({file("a\xff")}), Rules{"file-name:report"});
}

TEST(Guard, EveryRuleHasAnIdentifierOfItsOwn) {
  std::vector<std::string_view> ids;
  for (const ChangeRule* rule : change_rules()) ids.push_back(rule->id);
  std::ranges::sort(ids);
  EXPECT_EQ(std::ranges::adjacent_find(ids), ids.end());
}

}  // namespace
}  // namespace berm
