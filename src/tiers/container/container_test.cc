#include "plan/container.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "host/engines.h"
#include "tiers/container/arguments.h"
#include "tiers/container/engine_errors.h"
#include "tiers/container/seccomp_profile.h"
#include "tiers/container/skeleton.h"

namespace berm {
namespace {

HostPath host(std::string_view text) { return *HostPath::parse(text); }
SandboxPath inside(std::string_view text) { return *SandboxPath::parse(text); }

Plan small_plan(ContainerEngine kind) {
  Plan plan{.run_id = "r-1",
            .tier = TierChoice::container,
            .argv = {"true"},
            .cwd = inside("/w"),
            .hostname = "berm",
            .identity = {.uid = 1000, .gid = 1000, .host_uid = 1000, .host_gid = 1000},
            .workspace = {.repository = host("/w"), .at = inside("/w")},
            .run_directory = host("/state/r"),
            .init = host("/opt/init")};
  plan.limits = {.memory = {1024},
                 .memory_by = Strength::kernel,
                 .cpus = 1.5,
                 .processes = 20,
                 .open_files = 4096};
  plan.container = ContainerPlan{.engine = {.kind = kind,
                                            .program = "/usr/bin/engine",
                                            .rootless = kind == ContainerEngine::podman},
                                 .runtime = "runc",
                                 .image = "base:1"};
  plan.mounts = {
      Bind{.from = host("/usr"), .to = inside("/usr")},
      Bind{.from = host("/etc/none"), .to = inside("/etc/none"), .optional = true},
      Bind{.from = host("/dev/null"),
           .to = inside("/dev/null"),
           .access = Access::read_write,
           .device = true},
      Proc{.at = inside("/proc")},
      Tmpfs{.at = inside("/home/agent"), .size = {512}, .mode = 0700},
      File{.at = inside("/home/agent/.x/settings"), .content = "s"},
      File{.at = inside("/etc/passwd"), .content = "p"},
      File{.at = inside("/run/berm/absent"), .content = "", .mode = 0},
      Absent{.at = inside("/usr/bin/curl"), .asked = "curl"},
      Bind{.from = host("/state/r/tree"), .to = inside("/w"), .access = Access::read_write}};
  return plan;
}

std::string command_of(const Plan& plan) {
  const auto argv =
      run_arguments(plan, {.absent = {"/etc/none"}, .open_files = 1024, .processes = 500});
  std::string all;
  for (const std::string& word : *argv) all += word + "\n";
  return all;
}

TEST(ContainerArguments, OfDockerAreTheGoldenOnes) {
  EXPECT_EQ(command_of(small_plan(ContainerEngine::docker)),
            "/usr/bin/engine\nrun\n--detach\n--rm\n--name=berm-r-1\n--label=berm.run=r-1\n"
            "--pull=never\n--log-driver=none\n--stop-timeout=0\n--workdir=/\n--runtime=runc\n"
            "--network=none\n--read-only\n--cap-drop=ALL\n--security-opt=no-new-privileges\n"
            "--security-opt=seccomp=/state/r/container/seccomp.json\n--ipc=private\n"
            "--cgroupns=private\n--user=1000:1000\n--hostname=berm\n"
            "--sysctl=net.ipv4.ip_unprivileged_port_start=0\n--tmpfs=/sys:ro,size=4096\n--tmpfs=/"
            "sys/fs/cgroup:ro,size=4096\n--init=false\n--memory=1024b\n"
            "--memory-swap=1024b\n--pids-limit=21\n--cpus=1.50\n--ulimit=core=0:0\n"
            "--ulimit=nofile=1024:1024\n--shm-size=67108864b\n"
            "--mount\ntype=bind,src=/state/r/container/berm,dst=/run/berm,readonly\n"
            "--mount\ntype=bind,src=/usr,dst=/usr,readonly\n"
            "--tmpfs=/home/agent:rw,nosuid,nodev,exec,size=512,mode=700,uid=1000,gid=1000\n"
            "--mount\ntype=bind,src=/state/r/container/berm/absent,dst=/usr/bin/curl,readonly\n"
            "--mount\ntype=bind,src=/state/r/tree,dst=/w\n"
            "--mount\ntype=bind,src=/state/r/container/files/0,dst=/etc/passwd,readonly\n"
            "--entrypoint=/run/berm/berm-init\nbase:1\n--contained\n");
}

TEST(ContainerArguments, OfRootlessPodmanKeepTheCallersIdAndNothingOfTheEngines) {
  const std::string command = command_of(small_plan(ContainerEngine::podman));
  EXPECT_TRUE(command.starts_with("/usr/bin/engine\n--runtime=runc\nrun\n")) << command;
  for (const std::string_view flag :
       {"--userns=keep-id\n", "--read-only-tmpfs=false\n", "--systemd=false\n",
        "--http-proxy=false\n", "--ulimit=nproc=84:84\n"}) {
    EXPECT_NE(command.find(flag), std::string::npos) << flag << command;
  }
  EXPECT_EQ(command.find("--init"), std::string::npos);
}

TEST(ContainerArguments, LimitsThatTheEngineDoesNotHoldAreNotAskedOfIt) {
  Plan plan = small_plan(ContainerEngine::podman);
  plan.limits.memory_by = Strength::supervised;
  EXPECT_EQ(command_of(plan).find("--memory"), std::string::npos);
}

TEST(ContainerArguments, APathThatWouldBeReadAsAnOptionIsRefused) {
  Plan plan = small_plan(ContainerEngine::docker);
  plan.mounts.emplace_back(Bind{.from = host("/a,dst=/etc"), .to = inside("/b")});
  EXPECT_FALSE(run_arguments(plan, {}));
}

TEST(ContainedSteps, AreWhatOnlyTheAgentsUserCanMake) {
  std::string all;
  for (const NativeStep& step : contained_steps(small_plan(ContainerEngine::docker))) {
    all += step.target + "\n";
  }
  EXPECT_EQ(all, "home/agent\nhome/agent/.x/settings\n");
}

TEST(EngineSeccompProfile, NamesNoSystemCallThatTheAgentIsRefused) {
  const nlohmann::json profile = nlohmann::json::parse(engine_seccomp_profile());
  EXPECT_EQ(profile["defaultAction"], "SCMP_ACT_ERRNO");
  const std::string text = profile["syscalls"].dump();
  for (const char* refused : {"\"mount\"", "\"unshare\"", "\"bpf\"", "\"keyctl\"", "\"setns\""}) {
    EXPECT_EQ(text.find(refused), std::string::npos) << refused;
  }
  EXPECT_NE(text.find("\"landlock_restrict_self\""), std::string::npos);
}

TEST(SkeletonArchive, HoldsLinksAndDirectoriesAlone) {
  const std::string tar = skeleton_archive({{"/bin", "usr/bin"}});
  ASSERT_EQ(tar.size() % 512, 0U);
  bool link = false;
  for (std::size_t at = 0; tar[at] != '\0'; at += 512) {
    EXPECT_TRUE(tar[at + 156] == '5' || tar[at + 156] == '2');
    link = link || (tar.compare(at, 4, std::string("bin\0", 4)) == 0 && tar[at + 156] == '2');
  }
  EXPECT_TRUE(link);
}

TEST(EngineErrors, AMissingImageIsToldWithItsFix) {
  const Error error = explain_engine_error(
      {.image = "base:1"}, "docker: Error response from daemon: No such image: base:1.\n");
  EXPECT_EQ(error.code, Errc::unsupported);
  EXPECT_NE(error.what.find("No such image"), std::string::npos);
  EXPECT_NE(error.fix.find("berm image build"), std::string::npos);
}

TEST(EngineFacts, ADockerClientWithoutADaemonIsUnusable) {
  EngineFacts facts;
  read_docker_info(facts, R"({"ServerErrors":["Cannot connect to the Docker daemon at x"]})");
  EXPECT_EQ(facts.unusable, "its daemon does not answer");
}

TEST(EngineFacts, RootlessPodmanOnVersionOneHoldsNoLimits) {
  EngineFacts facts;
  read_podman_info(facts, R"({"host":{"cgroupVersion":"v1","ociRuntime":{"name":"crun"},
    "security":{"rootless":true}},"version":{"Version":"4.3.1"}})");
  EXPECT_TRUE(facts.unusable.empty());
  EXPECT_TRUE(facts.rootless);
  EXPECT_FALSE(facts.limits);
  EXPECT_EQ(facts.runtime, "crun");
}

TEST(EngineFacts, WhatIsNoJsonIsUnusable) {
  for (const char* text : {"", "[]", "{\"version\":7}", "\xff"}) {
    EngineFacts docker;
    read_docker_info(docker, text);
    EXPECT_FALSE(docker.unusable.empty()) << text;
    EngineFacts podman;
    read_podman_info(podman, text);
    EXPECT_FALSE(podman.unusable.empty()) << text;
  }
}

Plan planned() { return small_plan(ContainerEngine::docker); }

TEST(ChooseContainer, ARuntimeWithAnotherKernelIsRefused) {
  Plan plan = planned();
  Policy policy;
  policy.container.runtime = "runsc";
  HostFacts facts;
  facts.engines = {{.kind = ContainerEngine::docker, .runtime = "runc"}};
  const Result<void> chosen = choose_container(plan, policy, facts);
  ASSERT_FALSE(chosen);
  EXPECT_NE(chosen.error().what.find("descriptors"), std::string::npos);
}

TEST(ChooseContainer, AnOrdinaryUsersOwnEngineComesFirst) {
  Plan plan = planned();
  HostFacts facts;
  facts.uid = 1000;
  facts.engines = {{.kind = ContainerEngine::docker, .runtime = "runc"},
                   {.kind = ContainerEngine::podman, .rootless = true, .runtime = "crun"}};
  ASSERT_TRUE(choose_container(plan, Policy{}, facts));
  EXPECT_EQ(plan.container->engine.kind, ContainerEngine::podman);
}

TEST(ChooseContainer, WithoutAnEngineEveryReasonIsTold) {
  Plan plan = planned();
  HostFacts facts;
  facts.engines = {{.kind = ContainerEngine::docker, .unusable = "its daemon does not answer"}};
  const Result<void> chosen = choose_container(plan, Policy{}, facts);
  ASSERT_FALSE(chosen);
  EXPECT_NE(chosen.error().what.find("docker: its daemon does not answer"), std::string::npos);
}

}  // namespace
}  // namespace berm
