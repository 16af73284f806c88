// tests/integration/hosts_test.cc: hosts and file systems that lack something. Each ends in a
// documented fallback, or in a refusal that says what, why and how to fix it; and with nothing lost
// or left behind.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "harness.h"

namespace berm::test {
namespace {

class Host : public testing::TestWithParam<As> {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) BERM_SKIP_OR_FAIL("changing the host needs root");
  }

  // A kernel without these calls ("name:errno …").
  Finished without(const std::vector<std::string>& calls,
                   const std::vector<std::string>& arguments) const {
    std::vector<std::string> argv = {site.root() + "/bin/deny-syscall"};
    argv.insert(argv.end(), calls.begin(), calls.end());
    argv.insert(argv.end(), {"--", site.program()});
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return site.command(argv);
  }

  // Refused before anything ran, with the words of the cause and a fix.
  void expect_refused(const Finished& finished, const std::string& cause,
                      const std::string& fix) const {
    EXPECT_EQ(finished.code, 125) << finished.out << finished.err;
    EXPECT_NE(finished.err.find(cause), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find("fix:"), std::string::npos) << finished.err;
    EXPECT_NE(finished.err.find(fix), std::string::npos) << finished.err;
    EXPECT_FALSE(site.has("ran"));
    EXPECT_EQ(site.shell("grep -c " + site.root() + " /proc/self/mountinfo || true"), "0\n");
  }

  Site site{GetParam()};
  const std::vector<std::string> make_file{"run", "--", "sh", "-c", "touch ran"};
};
INSTANTIATE_TEST_SUITE_P(As, Host, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

TEST_P(Host, WithoutLandlockTheMountsHoldAndTheReportSaysSo) {
  const std::vector<std::string> arguments = {
      "run", "--json", "--", "sh", "-c", "(echo x > /usr/x); cat /etc/shadow; touch made"};
  const Finished finished = without({"landlock_create_ruleset:38"}, arguments);
  EXPECT_EQ(finished.code, 0) << finished.err;
  EXPECT_NE(finished.json().dump().find("no Landlock on this kernel"), std::string::npos)
      << finished.out;
  EXPECT_NE(finished.err.find("Read-only file system"), std::string::npos) << finished.err;
  EXPECT_NE(finished.err.find("No such file"), std::string::npos) << finished.err;
  EXPECT_EQ(finished.json()["changes"]["files"].size(), 1u);
  EXPECT_NE(without({"landlock_create_ruleset:38"}, {"doctor"}).out.find("this kernel has none"),
            std::string::npos);
}

TEST_P(Host, WithoutUserNamespacesNothingStarts) {
  // The limit of the namespace above counts too: one is left for the outer, none for the run.
  const Finished finished = site.command({"unshare", "--user", "--map-root-user", "sh", "-c",
                                          "echo 1 > /proc/sys/user/max_user_namespaces && exec "
                                          "unshare --user --map-user=1000 --map-group=1000 " +
                                              site.program() + " run -- touch ran"});
  expect_refused(finished, "user namespace", "user.max_user_namespaces");
}

TEST_P(Host, AContainerThatForbidsNamespacesIsNamed) {
  expect_refused(without({"clone3:1"}, make_file), "user namespace", "seccomp");
  EXPECT_NE(without({"clone:1"}, {"doctor"}).out.find("Operation not permitted"),
            std::string::npos);
}

TEST_P(Host, AKernelWithoutTheNewMountCallsIsNamed) {
  expect_refused(without({"mount_setattr:38"}, make_file), "ENOSYS", "5.12");
  expect_refused(without({"open_tree:38"}, make_file), "ENOSYS", "5.12");
  expect_refused(without({"fsopen:1"}, make_file), "EPERM", "seccomp");
}

TEST_P(Host, WithoutSeccompNothingStarts) {
  expect_refused(without({"seccomp:38"}, make_file), "seccomp", "CONFIG_SECCOMP_FILTER");
}

TEST_P(Host, RootOfAUserNamespaceIsToldToBeAnOrdinaryUser) {
  const Finished finished = site.command(
      {"unshare", "--user", "--map-root-user", site.program(), "run", "--", "touch", "ran"});
  expect_refused(finished, "root of a user namespace", "ordinary user");
}

TEST_P(Host, RepositoriesOnTmpfsAndOverlayWork) {
  const std::string copy = " && cp -a " + site.repository() + " " + site.root() + "/other/repo";
  const std::string other = site.root() + "/other";
  const std::vector<std::string> arguments = {
      "run", "--json",
      "--",  "sh",
      "-c",  "git status --short; echo x > new; git add new; git commit -qm new; rm src/main.c"};
  for (const std::string& mount :
       {std::string("mount -t tmpfs none ") + other,
        "mkdir -p " + site.root() + "/l/u " + site.root() +
            "/l/w && mount -t overlay none -o lowerdir=/usr/share/doc,upperdir=" + site.root() +
            "/l/u,workdir=" + site.root() + "/l/w " + other}) {
    SCOPED_TRACE(mount);
    const Finished finished =
        site.berm_on("mkdir -p " + other + " && " + mount + copy, arguments, other + "/repo");
    EXPECT_EQ(finished.code, 0) << finished.err;
    EXPECT_EQ(finished.err, "") << "git status is clean inside";
    EXPECT_EQ(finished.json()["changes"]["files"].size(), 2u) << finished.out;
  }
}

TEST_P(Host, AStateDirectoryOnOverlayMakesTheWorkspaceACopy) {
  const std::string owner = GetParam() == As::user ? std::to_string(kUserId) : "0";
  const std::string mount =
      "mkdir -p " + site.root() + "/l/u " + site.root() + "/l/w && chown " + owner + " " +
      site.root() +
      "/l/u && mount -t overlay none -o lowerdir=/usr/share/doc,upperdir=" + site.root() +
      "/l/u,workdir=" + site.root() + "/l/w " + site.root() + "/state";
  const Finished cloned = site.berm_on(
      mount,
      {"run", "--json", "--", "sh", "-c", "echo x > new; git status --short; git log --format=%s"});
  EXPECT_EQ(cloned.code, 0) << cloned.err;
  EXPECT_EQ(cloned.err, "?? new\ninitial\n");
  EXPECT_EQ(cloned.json()["changes"]["files"].size(), 1u) << cloned.out;
  EXPECT_NE(cloned.json()["notes"].dump().find("overlayfs"), std::string::npos) << cloned.out;
  EXPECT_NE(cloned.json()["layers"].dump().find("clone workspace"), std::string::npos)
      << cloned.out;
  expect_refused(site.berm_on("rm -rf " + site.root() + "/l; " + mount,
                              {"run", "--mode", "worktree", "--", "touch", "ran"}),
                 "overlayfs", "--mode clone");
}

TEST_P(Host, AReadOnlyRepositoryRunsAndRefusesTheImport) {
  const std::string mount = "mount --bind " + site.repository() + " " + site.repository() +
                            " && mount -o remount,bind,ro " + site.repository();
  const Finished finished = site.berm_on(
      mount, {"run", "--on-success", "apply", "--json", "--", "sh", "-c", "echo x >> README.md"});
  EXPECT_EQ(finished.code, 120) << finished.err;
  EXPECT_NE(finished.out.find("Read-only file system"), std::string::npos) << finished.out;
  EXPECT_EQ(site.read("README.md"), "hello\n");
  EXPECT_EQ(site.shell("ls -A .git | grep -c berm- || true"), "0\n");
  EXPECT_EQ(site.berm({"apply"}).code, 0) << "later, writable again, nothing was lost";
  EXPECT_EQ(site.read("README.md"), "hello\nx\n");
}

TEST_P(Host, AFullDiskIsAnErrorNotAHalfRun) {
  const std::string owner = GetParam() == As::user ? ",uid=" + std::to_string(kUserId) : "";
  const std::string small =
      "mount -t tmpfs -o size=64k,mode=0700" + owner + " none " + site.root() + "/state";
  const Finished finished = site.berm_on(
      small + " && head -c 60k /dev/zero > " + site.root() + "/state/filler; true", make_file);
  EXPECT_TRUE(finished.code == 125 || finished.code == 123) << finished.code << finished.err;
  EXPECT_FALSE(site.has("ran"));
  // Full in the middle: the agent is told ENOSPC, the run ends with the limit's code, the record
  // says so or refuses.
  const std::string room =
      "mount -t tmpfs -o size=2m,mode=0700" + owner + " none " + site.root() + "/state";
  const Finished middle = site.berm_on(
      room, {"run", "--", "sh", "-c", "head -c 20M /dev/zero > big; sleep 1; touch ran"});
  EXPECT_TRUE(middle.code == 121 || middle.code == 123) << middle.code << middle.err;
  EXPECT_FALSE(site.has("ran"));
}

TEST_P(Host, AFullDiskDuringTheImportRollsItBack) {
  const std::string owner = GetParam() == As::user ? ",uid=" + std::to_string(kUserId) : "";
  const std::string other = site.root() + "/other";
  const std::string mount = "mkdir -p " + other + " && mount -t tmpfs -o size=1m" + owner +
                            " none " + other + " && cp -a " + site.repository() + " " + other +
                            // Longer than a tick of the kernel's clock (10 ms at most): what was
                            // made in the tick in which a run begins counts as changed since.
                            "/repo && sleep 0.03";
  const Finished finished =
      site.berm_on(mount,
                   {"run", "--on-success", "apply", "--json", "--", "sh", "-c",
                    "echo x >> README.md; i=0; while [ $i -lt 20 ]; do yes berm | head -c 137000 > "
                    "f$i.txt; i=$((i+1)); done"},
                   other + "/repo");
  EXPECT_EQ(finished.code, 120) << finished.err;
  EXPECT_NE(finished.out.find("No space left"), std::string::npos)
      << finished.json()["verdict"].dump() << finished.json()["notes"].dump();
}

// NFS knows no RENAME_NOREPLACE and answers EINVAL.
TEST_P(Host, AnImportNeedsNoRenameThatNfsLacks) {
  ASSERT_EQ(site.run_script(
                "echo n > new; echo 2 >> README.md; rm src/main.c; ln -s README.md l")["code"],
            0);
  const Finished applied = without({"renameat2:22"}, {"apply"});
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(site.read("new"), "n\n");
  EXPECT_EQ(site.read("README.md"), "hello\n2\n");
  EXPECT_FALSE(site.has("src/main.c"));
  EXPECT_EQ(site.shell("readlink l; ls -A .git | grep -c berm- || true"), "README.md\n0\n");
}

TEST_P(Host, PathsLongerThanPathMaxAreWalked) {
  // Shells keep the whole path and give up; system calls take one step at a time.
  const std::string descend =
      "import os\nfor i in range(24):\n  os.path.isdir('d'*200) or os.mkdir('d'*200)\n  "
      "os.chdir('d'*200)\nopen('deep', 'w').write('x')\n";
  site.shell("/usr/bin/python3 -c \"" + descend + "\"");
  const nlohmann::json report = site.run_script("echo x > new");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(report["changes"]["files"].size(), 1u);
  const std::string change = "f=open('deep', 'w'); f.write('another')\n";
  const nlohmann::json below = site.run_script("/usr/bin/python3 -c \"" + descend + change + "\"");
  EXPECT_EQ(below["code"], 0) << below.dump(1);
  EXPECT_EQ(site.berm({"apply"}).code, 0);
  const std::string read = "print(open('deep').read())\n";
  EXPECT_EQ(site.command({"/usr/bin/python3", "-c",
                          "import os\nfor i in range(24):\n  os.chdir('d'*200)\n" + read})
                .out,
            "another\n");
  site.shell("rm -rf d*");
}

TEST_P(Host, LoopsOfLinksAndShellNamesAreOnlyNames) {
  site.shell(
      "ln -s b a; ln -s a b; ln -s . self; git checkout -qb '$(touch${IFS}pwned)' && git add -A && "
      "git commit -qm loops");
  const nlohmann::json report = site.run_script(
      "cat a; git symbolic-ref HEAD; echo x > self/new; git add new; git commit -qm x");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_NE(report["stderr"].get<std::string>().find("refs/heads/$(touch${IFS}pwned)"),
            std::string::npos);
  EXPECT_EQ(report["changes"]["files"].size(), 1u) << report.dump(1);
  (void)site.berm({"apply"});
  EXPECT_FALSE(site.has("pwned"));
}

TEST_P(Host, APartialCloneWorksWithWhatItHas) {
  site.shell(
      "echo 1 > big && git add big && git commit -qm 1 && echo 2 > big && git commit -qam 2 && git "
      "config uploadpack.allowFilter true && "
      "git -c protocol.file.allow=always clone -q --filter=blob:none file://$PWD ../state/partial");
  const Finished finished =
      site.berm({.arguments = {"run", "--json", "--", "sh", "-c",
                               "git status --short; cat big; git log --oneline | wc -l; echo 3 > "
                               "big; git commit -qam 3; timeout 10 git show HEAD~2:big"},
                 .directory = site.root() + "/state/partial"});
  EXPECT_EQ(finished.err.substr(0, 4), "2\n3\n") << finished.err;
  EXPECT_EQ(finished.code, 119) << "the missing object cannot be fetched (128): " << finished.out
                                << finished.err;
  EXPECT_EQ(finished.json()["changes"]["refs"].size(), 1u) << finished.out;
  const Finished applied =
      site.berm({.arguments = {"apply"}, .directory = site.root() + "/state/partial"});
  EXPECT_EQ(applied.code, 0) << applied.err;
}

TEST_P(Host, AHundredThousandFilesAreNoReasonToWait) {
  site.shell(
      "mkdir many && cd many && for d in $(seq 100); do mkdir $d; done && seq 100 | xargs -P2 -I@ "
      "sh -c 'cd @ && seq 1000 | xargs touch'");
  const nlohmann::json report =
      site.run_script("find many -type f | wc -l; echo x > many/1/1; rm many/100/1000");
  EXPECT_EQ(report["stderr"], "100000\n") << report["stderr"];
  EXPECT_EQ(report["changes"]["files"].size(), 2u);
}

}  // namespace
}  // namespace berm::test
