// tests/escape/bomb_test.cc: acts that use something up. Each is contained, named, and ends the run
// with the documented code; the control is the same run with room to spare.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "harness.h"

namespace berm::test {
namespace {

class Bomb : public testing::TestWithParam<As> {
 protected:
  Site site{GetParam()};
  [[nodiscard]] nlohmann::json verdict(const nlohmann::json& report) const {
    return report.value("verdict", nlohmann::json::object());
  }
};
INSTANTIATE_TEST_SUITE_P(As, Bomb, testing::ValuesIn(identities()),
                         [](const auto& suite) { return name_of(suite.param); });

constexpr const char* kAllocate = "python3 -c 'b=[]\nwhile True: b.append(bytearray(8<<20))'";

TEST_P(Bomb, MemoryEndsWithItsLimitAndItsCulprit) {
  const nlohmann::json report = site.run_script(kAllocate, {"--memory", "200MiB", "--time", "60s"});
  EXPECT_EQ(report["code"], 121) << report.dump(1);
  EXPECT_EQ(report["outcome"]["limit"], "memory");
  const nlohmann::json roomy =
      site.run_script("python3 -c 'b=bytearray(100<<20); print(len(b))'", {"--memory", "400MiB"});
  EXPECT_EQ(roomy["code"], 0) << roomy.dump(1);
}

TEST_P(Bomb, ForksEndWithTheProcessLimit) {
  const nlohmann::json report = site.run_script(
      "python3 -c 'import os, time\nfor i in range(400):\n  try:\n    if os.fork() == 0: "
      "time.sleep(30); os._exit(0)\n  except OSError: time.sleep(0.01)\ntime.sleep(30)'",
      {"--processes", "40", "--time", "60s"});
  EXPECT_EQ(report["code"], 121) << report.dump(1);
  EXPECT_EQ(report["outcome"]["limit"], "processes");
}

TEST_P(Bomb, WallClockEndsWith124) {
  const nlohmann::json report =
      site.run_script("trap '' TERM INT HUP; while :; do :; done", {"--time", "1s"});
  EXPECT_EQ(report["code"], 124);
  EXPECT_EQ(report["outcome"]["limit"], "time");
  EXPECT_LT(report["usage"]["wall_ms"].get<int>(), 20000);
}

TEST_P(Bomb, DiskOfTheWorkspaceIsBounded) {
  site.write("berm.toml", "[limits]\ndisk = \"64MiB\"\n");
  site.shell("git add berm.toml && git commit -qm policy");
  const nlohmann::json one =
      site.run_script("head -c 500M /dev/zero > big; echo code $?; sleep 2", {"--time", "60s"});
  EXPECT_NE(one["code"], 0) << "a single file beyond the limit: " << one.dump(1);
  const nlohmann::json many = site.run_script(
      "i=0; while :; do head -c 8M /dev/zero > f$i; i=$((i+1)); done", {"--time", "60s"});
  EXPECT_EQ(many["code"], 121) << many.dump(1);
  EXPECT_EQ(many["outcome"]["limit"], "disk");
}

TEST_P(Bomb, FilesWithoutANameCountForTheDisk) {
  site.write("berm.toml", "[limits]\ndisk = \"64MiB\"\n");
  site.shell("git add berm.toml && git commit -qm policy");
  const nlohmann::json report = site.run_script(
      "python3 -c 'import os, time\nheld=[]\nfor i in range(10):\n  f=open(\"u\", \"wb\"); "
      "os.unlink(\"u\"); f.write(bytes(40<<20)); f.flush(); held.append(f); "
      "time.sleep(0.3)\ntime.sleep(20)'",
      {"--time", "60s"});
  EXPECT_EQ(report["code"], 121) << report.dump(1);
  EXPECT_EQ(report["outcome"]["limit"], "disk");
}

TEST_P(Bomb, MemoryFilesCountForTheMemory) {
  const nlohmann::json report = site.run_script(
      "python3 -c 'import os, time\nfor i in range(30):\n  os.write(os.memfd_create(str(i)), "
      "bytes(20<<20)); time.sleep(0.1)\ntime.sleep(20)'",
      {"--memory", "200MiB", "--time", "60s"});
  EXPECT_EQ(report["code"], 121) << report.dump(1);
  EXPECT_EQ(report["outcome"]["limit"], "memory");
}

TEST_P(Bomb, ADeepTreeNeitherCrashesNorStays) {
  const nlohmann::json report =
      site.run_script("perl -e 'for(1..5000){mkdir \"d\" or last; chdir \"d\" or last}'");
  EXPECT_EQ(report["code"], 120) << "the guard refuses what it cannot judge";
  EXPECT_EQ(site.berm({"discard"}).code, 0);
  EXPECT_EQ(site.berm({"runs", "--prune", "--older-than", "0s"}).code, 0);
}

TEST_P(Bomb, OutputIsBounded) {
  site.write("berm.toml", "[limits]\noutput = \"1MiB\"\n");
  site.shell("git add berm.toml && git commit -qm policy");
  const Finished finished = site.berm({"run", "--", "sh", "-c", "yes"});
  EXPECT_EQ(finished.code, 121) << finished.err;
  EXPECT_LT(finished.out.size(), 8U << 20);
}

TEST_P(Bomb, ScratchIsASmallFileSystemOfItsOwn) {
  for (const char* place : {"/tmp", "$HOME", "/dev/shm"}) {
    SCOPED_TRACE(place);
    const nlohmann::json report = site.run_script(
        std::string("head -c 2G /dev/zero > ") + place + "/x; sleep 20", {"--memory", "3GiB"});
    EXPECT_EQ(report["code"], 121) << report.dump(1);
    EXPECT_EQ(report["outcome"]["limit"], "disk");
  }
}

TEST_P(Bomb, OpenFilesAreBounded) {
  const nlohmann::json report = site.run_script(
      "python3 -c 'import os\nn=0\ntry:\n  while True: os.dup(0); n+=1\nexcept OSError as e: "
      "print(n, e.errno)'");
  EXPECT_NE(report["stderr"].get<std::string>().find(" 24"), std::string::npos)
      << "EMFILE: " << report.dump(1);
  EXPECT_EQ(report["code"], 0);
}

TEST_P(Bomb, ZombiesAreReapedAndOrphansDieWithTheAgent) {
  const std::string marker = fmt::format("{}", 86400 + ::getpid());
  const nlohmann::json report =
      site.run_script("for i in $(seq 200); do (sh -c 'exit 0' &) ; done; setsid nohup sleep " +
                      marker + " >/dev/null 2>&1 & exit 0");
  EXPECT_EQ(report["code"], 0) << report.dump(1);
  EXPECT_EQ(run_as(As::root, {"pgrep", "-f", "sleep " + marker}, site.environment(), "/", "").out,
            "");
}

}  // namespace
}  // namespace berm::test
