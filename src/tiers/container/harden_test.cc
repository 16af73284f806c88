#include "tiers/container/harden.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace berm {
namespace {

std::string hardened(std::string_view line) {
  const Result<Hardened> out = harden(line);
  return out ? shell_line(out->argv) : out.error().what;
}

TEST(Harden, WhatOpensTheHostIsTakenOut) {
  const std::string line = hardened(
      "docker run --rm -it --privileged --net=host --pid host -v "
      "/var/run/docker.sock:/var/run/docker.sock -v /src:/src --user root img sh -c 'make all'");
  EXPECT_EQ(
      line,
      "docker run --rm -it -v /src:/src --network=none --read-only "
      "--tmpfs=/tmp:rw,nosuid,nodev,size=512m --cap-drop=ALL --security-opt=no-new-privileges "
      "--ipc=private --pids-limit=512 --memory=4g --user=65534:65534 img sh -c 'make all'");
}

TEST(Harden, EveryWayToWriteAVolumeIsRead) {
  for (const char* option : {"-v /:/h", "-v/:/h", "-itv /:/h", "--volume=/:/h", "--volume /:/h",
                             "--mount type=bind,source=/,target=/h", "-v /root/.ssh:/s",
                             "-v /etc/:/e", "-v ~:/h", "-v /home/me:/h", "-v ../..:/u"}) {
    const Result<Hardened> out = harden(std::string("docker run ") + option + " img");
    ASSERT_TRUE(out) << option;
    EXPECT_TRUE(std::ranges::any_of(
        out->changes,
        [](const Hardened::Change& change) { return change.what.starts_with("removed"); }))
        << option << shell_line(out->argv);
    EXPECT_EQ(out->argv.back(), "img");
  }
}

TEST(Harden, WhatTheUserLimitedMoreTightlyStays) {
  const std::string line = hardened("podman run --memory 1g --user 1000 --pids-limit=9 img");
  EXPECT_NE(line.find("--memory 1g --user 1000 --pids-limit=9"), std::string::npos) << line;
  EXPECT_EQ(line.find("--memory=4g"), std::string::npos);
}

TEST(Harden, ALineThatIsNotOnePlainRunIsRefused) {
  for (const char* line :
       {"", "ls", "docker ps -a x", "docker run img; ls", "docker run $X img",
        "docker run img > /tmp/x", "docker run", "docker run --new-flag --privileged img"}) {
    EXPECT_FALSE(harden(line)) << line;
  }
}

TEST(ShellLine, QuotesWhatAShellWouldRead) {
  EXPECT_EQ(shell_line({"a", "b c", "it's", "", "$x"}), "a 'b c' 'it'\\''s' '' '$x'");
}

}  // namespace
}  // namespace berm
