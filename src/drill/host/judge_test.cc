#include <errno.h>
#include <gtest/gtest.h>

#include "drill/host/drill.h"

namespace berm::drill {
namespace {

constexpr Act kRead = {"read_it", "filesystem", ENOENT, Control::outside, nullptr, "secret"};
constexpr Act kPlant = {"plant_it",         "guard", 0,
                        Control::aftermath, nullptr, "repo/.claude/settings.json"};

Observed seen(int inside, int control) {
  return {.tier = "namespace", .inside = {{"read_it", inside}}, .control = {{"read_it", control}}};
}

TEST(JudgeAct, WhatWorkedInsideEscaped) {
  const ActResult result = judge_act("files", kRead, seen(0, 0));
  EXPECT_EQ(result.outcome, Outcome::escaped);
  EXPECT_EQ(exit_code_of({.tier = "namespace", .run = "", .acts = {result}}), 1);
}

TEST(JudgeAct, WhatWasNeverAnsweredIsNotContained) {
  EXPECT_EQ(judge_act("files", kRead, {.tier = "namespace", .control = {{"read_it", 0}}}).outcome,
            Outcome::escaped);
}

TEST(JudgeAct, AnotherErrnoIsAnotherLayer) {
  const ActResult right = judge_act("files", kRead, seen(ENOENT, 0));
  EXPECT_EQ(right.outcome, Outcome::contained);
  EXPECT_TRUE(right.as_expected);
  EXPECT_EQ(right.held_by, "filesystem (ENOENT)");
  const ActResult other = judge_act("files", kRead, seen(EPERM, 0));
  EXPECT_EQ(other.outcome, Outcome::contained);
  EXPECT_FALSE(other.as_expected);
}

TEST(JudgeAct, WithoutAControlNothingIsProven) {
  EXPECT_EQ(judge_act("files", kRead, seen(ENOENT, EACCES)).outcome, Outcome::not_applicable);
  EXPECT_EQ(judge_act("files", kRead, seen(ENOENT, -1)).outcome, Outcome::not_applicable);
}

TEST(JudgeAct, AnAgentSettingMustBeRefusedByTheGuardItself) {
  Observed what = {.tier = "namespace",
                   .inside = {{"plant_it", 0}},
                   .control = {{"plant_it", 0}},
                   .left_control = {"plant_it"}};
  EXPECT_EQ(judge_act("settings", kPlant, what).outcome, Outcome::escaped);
  what.refused = {".claude/settings.json"};
  EXPECT_EQ(judge_act("settings", kPlant, what).outcome, Outcome::contained);
  what.left_inside = {"plant_it"};
  EXPECT_EQ(judge_act("settings", kPlant, what).outcome, Outcome::escaped);
}

TEST(ErrnosIn, ReadsItsOwnLinesOnly) {
  EXPECT_EQ(errnos_in("drill a 2\nnoise\ndrill b x\ndrill c 0 more\ndrill d 0\n"),
            (Errnos{{"a", 2}, {"d", 0}}));
}

TEST(ScoreCards, HoldTheVerdictAndNoMarkupOfOthers) {
  const ScoreCard card = {
      .tier = "namespace",
      .run = "r",
      .acts = {judge_act("files", kRead, seen(ENOENT, 0)), judge_act("files", kRead, seen(0, 0))}};
  EXPECT_EQ(to_json(card)["escaped"], 1);
  EXPECT_NE(to_text(card, false, false).find("read_it"), std::string::npos);
  EXPECT_NE(to_junit(card).find("failures=\"1\""), std::string::npos);
  EXPECT_EQ(to_html(card).find("<script"), std::string::npos);
}

}  // namespace
}  // namespace berm::drill
