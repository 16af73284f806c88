#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/residue/git_settings.h"
#include "host/residue_test_support.h"
#include "sys/child.h"

namespace berm {
namespace {

using ResidueSettingsTest = ResidueTest;

std::string checkout_config() {
  return "[core]\n\tbare = false\n# a comment\n[remote \"origin\"]\n\turl = "
         "https://x-access-token:" +
         kSecret +
         "@github.com/a/b\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n"
         "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic " +
         kSecret + "\n\textraheader = X-Trace: on\n\tsslVerify = true\n" +
         "[credential]\n\thelper = store\n\thelper = \"!f() { echo password=" + kSecret +
         "; }; f\"\n[url \"https://x:" + kSecret +
         "@github.com/\"]\n\tinsteadOf = git@github.com:\n";
}

TEST_F(ResidueSettingsTest, GitSettingsLoseTheirCredentialsAndNothingElse) {
  put("work/.git/config", checkout_config(), 0640);
  std::vector<Residue> found = find().found;
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].settings,
            (std::vector<std::string>{"credential.helper", "http.https://github.com/.extraheader",
                                      "remote.origin.url"}));
  EXPECT_EQ(found[0].remedy, Remedy::automatic);
  EXPECT_EQ(found[1].settings, std::vector<std::string>{"url.https://***@github.com/.insteadof"});
  EXPECT_EQ(found[1].remedy, Remedy::by_hand) << "its name would be on git's command line";
  const auto removal = remove_residue(found[0]);
  ASSERT_TRUE(removal) << render(removal.error());
  const std::string after = content("work/.git/config");
  const auto entries = residue::list_settings(after);
  ASSERT_TRUE(entries);
  std::string text;
  for (const auto& entry : *entries) text += entry.name + "=" + entry.value + "\n";
  EXPECT_EQ(text,
            "core.bare=false\nremote.origin.url=https://github.com/a/b\n"
            "remote.origin.fetch=+refs/heads/*:refs/remotes/origin/*\n"
            "http.https://github.com/.extraheader=X-Trace: on\n"
            "http.https://github.com/.sslverify=true\ncredential.helper=store\n"
            "url.https://x:" +
                kSecret + "@github.com/.insteadof=git@github.com:\n");
  EXPECT_NE(after.find("# a comment"), std::string::npos);
  EXPECT_FALSE(there("work/.git/config.lock"));
  struct stat status {};
  ASSERT_EQ(::stat((base_ + "/work/.git/config").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640U);
  EXPECT_EQ(kinds(), std::vector<std::string>{"git-settings"}) << "the one that is left by hand";
}

TEST_F(ResidueSettingsTest, GitSettingsAreEditedUnderGitsLockOrNotAtAll) {
  put("work/.git/config", checkout_config());
  const Residue residue = find().found.at(0);
  put("work/.git/config.lock", "git's");
  EXPECT_FALSE(remove_residue(residue));
  EXPECT_EQ(content("work/.git/config"), checkout_config());
  EXPECT_EQ(content("work/.git/config.lock"), "git's") << "not ours to remove";
  ASSERT_EQ(::unlink((base_ + "/work/.git/config.lock").c_str()), 0);
  ASSERT_EQ(::rename((base_ + "/work/.git/config").c_str(), (base_ + "/home/aside").c_str()), 0);
  ASSERT_EQ(::symlink((base_ + "/home/aside").c_str(), (base_ + "/work/.git/config").c_str()), 0);
  EXPECT_FALSE(remove_residue(residue));
  EXPECT_EQ(content("home/aside"), checkout_config());
  EXPECT_FALSE(there("work/.git/config.lock"));
}

TEST_F(ResidueSettingsTest, TheIncludedCredentialsOfACheckoutAreFoundWithTheirSetting) {
  const std::string file = base_ + "/home/work/_temp/git-credentials-0a1b.config";
  put("home/work/_temp/git-credentials-0a1b.config",
      "[http \"https://github.com/\"]\n\textraheader = AUTHORIZATION: basic " + kSecret + "\n");
  // The name fits, the content does not: an agent may have written the setting.
  put("home/git-credentials-mine.config", "[user]\n\tname = A\n");
  put("work/.git/config", "[includeIf \"gitdir:" + base_ + "/work/.git\"]\n\tpath = " + file +
                              "\n[include]\n\tpath = " + base_ +
                              "/home/git-credentials-mine.config\n\tpath = ~/mine\n");
  for (const Residue& residue : find().found) {
    EXPECT_EQ(residue.remedy, Remedy::automatic) << residue.what;
    EXPECT_TRUE(remove_residue(residue)) << residue.what;
  }
  EXPECT_FALSE(exists(file));
  EXPECT_TRUE(there("home/git-credentials-mine.config"));
  EXPECT_EQ(content("work/.git/config").find("includeIf"), std::string::npos);
  EXPECT_NE(content("work/.git/config").find("~/mine"), std::string::npos);
}

TEST_F(ResidueSettingsTest, ARepositoryOfGitsOwnMakingIsCleanedAndStillWorks) {
  const auto git = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "git");
    const auto result = run_command({.argv = std::move(arguments),
                                     .env = {"PATH=/usr/bin:/bin", "HOME=/nonexistent"},
                                     .directory = base_ + "/work",
                                     .input = ""});
    return result && result->code == 0 ? result->output : "failed";
  };
  ASSERT_NE(git({"init", "-q"}), "failed");
  ASSERT_NE(git({"remote", "add", "origin", "https://x:" + kSecret + "@example.com/r"}), "failed");
  ASSERT_TRUE(remove_residue(only("git-settings")));
  EXPECT_EQ(git({"remote", "get-url", "origin"}), "https://example.com/r\n");
  EXPECT_NE(git({"status"}), "failed");
}

TEST(GitSettings, TellsACredentialFromAnAddress) {
  using residue::SettingRemedy;
  const struct {
    const char* name;
    std::string value;
    SettingRemedy remedy;
  } kCases[] = {
      {"remote.o.url", "https://github.com/a", SettingRemedy::keep},
      {"remote.o.url", "https://me@github.com/a", SettingRemedy::keep},
      {"remote.o.url", "https://me:@github.com/a", SettingRemedy::keep},
      {"remote.o.url", "ssh://git@github.com/a", SettingRemedy::keep},
      {"remote.o.url", "git@github.com:a/b:c@d", SettingRemedy::keep},
      {"remote.o.url", "https://github.com/a:b@c", SettingRemedy::keep},
      {"remote.o.url", "https://" + kSecret + "@github.com/a", SettingRemedy::clean_url},
      {"remote.o.pushurl", "https://a:b@c@github.com/a", SettingRemedy::clean_url},
      {"submodule.s.url", "https://a:b@h/s", SettingRemedy::clean_url},
      {"http.proxy", "http://u:p@proxy:3128", SettingRemedy::clean_url},
      {"http.https://h/.extraheader", "Authorization: basic x", SettingRemedy::unset},
      {"http.https://h/.extraheader", "PRIVATE-TOKEN: x", SettingRemedy::unset},
      {"http.https://h/.extraheader", "", SettingRemedy::keep},
      {"http.extraheader", "Cookie: a=b", SettingRemedy::unset},
      {"url.https://u:p@h/.insteadof", "x:", SettingRemedy::unset},
      {"url.git@h:.insteadof", "https://h/", SettingRemedy::keep},
      {"credential.https://h.helper", "!echo password=x", SettingRemedy::unset},
      {"credential.helper", "cache --timeout=5", SettingRemedy::keep},
      {"includeif.gitdir:/a.path", "/r/_temp/git-credentials-1.config", SettingRemedy::unset},
      {"include.path", "/home/me/.gitconfig-work", SettingRemedy::keep},
  };
  for (const auto& [name, value, remedy] : kCases) {
    EXPECT_EQ(residue::remedy_of({name, value}), remedy) << name << " = " << value;
  }
  EXPECT_EQ(residue::without_logins("a https://u:p@h/ b://q@r c"), "a https://***@h/ b://***@r c");
}

}  // namespace
}  // namespace berm
