#include "tiers/namespace/native.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

namespace berm {
namespace {

HostPath host(std::string_view text) { return *HostPath::parse(text); }
SandboxPath inside(std::string_view text) { return *SandboxPath::parse(text); }

Plan small_plan() {
  Plan plan{.argv = {"true"},
            .cwd = inside("/w"),
            .hostname = "berm",
            .identity = {.uid = 1000, .gid = 1000},
            .workspace = {.repository = host("/w"), .at = inside("/w")},
            .run_directory = host("/state/r"),
            .init = host("/opt/init")};
  plan.mounts = {Bind{.from = host("/usr"), .to = inside("/usr")},
                 Bind{.from = host("/dev/null"),
                      .to = inside("/dev/null"),
                      .access = Access::read_write,
                      .device = true},
                 Overlay{.lower = host("/w"),
                         .writable = host("/state/r/changes"),
                         .to = inside("/w"),
                         .masks = {{"a/.env", ".env"}},
                         .mask_parents = {{"a", 0750}},
                         .root_mode = 0755}};
  return plan;
}

TEST(NativeSteps, AreTheGoldenOnes) {
  std::string all;
  for (const NativeStep& step : native_steps(small_plan())) all += to_text(step) + "\n";
  EXPECT_EQ(all,
            "bind      /usr <- /usr ro\n"
            "bind      /dev/null <- /dev/null\n"
            "tmpfs     /.berm size=1056768 mode=700\n"
            "directory /.berm/mask mode=755\n"
            "directory /.berm/mask/a mode=750\n"
            "whiteout  /.berm/mask/a/.env\n"
            "bind      /.berm/lower <- /w ro\n"
            "bind      /.berm/rw <- /state/r/changes\n"
            "overlay   /w <- .berm/mask:.berm/lower\n"
            "detach    /.berm\n"
            "read-only /\n");
}

TEST(NativeSteps, AnAbsentProgramIsCoveredByAFileWithoutRights) {
  Plan plan = small_plan();
  plan.mounts = {File{.at = inside(kAbsentFile), .content = "", .mode = 0},
                 Absent{.at = inside("/usr/bin/curl"), .asked = "curl"}};
  std::string all;
  for (const NativeStep& step : native_steps(plan)) all += to_text(step) + "\n";
  EXPECT_EQ(all,
            "file      /run/berm/absent\n"
            "cover     /usr/bin/curl <- run/berm/absent ro\n"
            "read-only /\n");
}

TEST(NativeSteps, TheRootIsSealedLast) {
  const std::vector<NativeStep> steps = native_steps(small_plan());
  EXPECT_EQ(steps.back().op, wire::Op::read_only);
  EXPECT_EQ(steps.back().target, "");
}

TEST(Encode, RootOpensTreesAndKeepsTheIndexes) {
  const Plan plan = small_plan();
  const std::vector<NativeStep> steps = native_steps(plan);
  const EncodedProgram program = encode(plan, steps, true, {"/usr"});
  ASSERT_EQ(program.trees.size(), 3U)
      << "/dev/null, the repository, the run's changes; /usr is absent";
  wire::Program header{};
  std::memcpy(&header, program.bytes.data(), sizeof header);
  EXPECT_EQ(header.magic, wire::kMagic);
  EXPECT_EQ(header.size, program.bytes.size());
  EXPECT_EQ(header.instructions.count, steps.size()) << "a failure names its step by index";
  EXPECT_EQ(program.bytes.back(), '\0');
}

}  // namespace
}  // namespace berm
