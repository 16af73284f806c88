// src/cli/commands.h: every command of berm. One file each; this list is the whole answer to
// "which commands exist?".
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

namespace berm {

/// Runs the chosen command; its return value is the exit code.
using Action = std::function<int()>;

/// Adds a command to `app`; the parsed command puts what is to be done into `action`.
void add_run(CLI::App& app, Action& action);
void add_attach(CLI::App& app, Action& action);
void add_lint(CLI::App& app, Action& action);
void add_batch(CLI::App& app, Action& action);
void add_plan(CLI::App& app, Action& action);
void add_why(CLI::App& app, Action& action);
void add_runs(CLI::App& app, Action& action);
void add_show(CLI::App& app, Action& action);
void add_diff(CLI::App& app, Action& action);
void add_apply(CLI::App& app, Action& action);
void add_discard(CLI::App& app, Action& action);
void add_log(CLI::App& app, Action& action);
void add_attest(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_report(CLI::App& app, Action& action);
void add_init(CLI::App& app, Action& action);
void add_doctor(CLI::App& app, Action& action);
void add_egress(CLI::App& app, Action& action);
void add_broker(CLI::App& app, Action& action);
void add_judge(CLI::App& app, Action& action);
void add_ship(CLI::App& app, Action& action);
void add_audit(CLI::App& app, Action& action);
void add_image(CLI::App& app, Action& action);
void add_pod(CLI::App& app, Action& action);
void add_render(CLI::App& app, Action& action);
void add_drill(CLI::App& app, Action& action);
void add_drill_model(CLI::App& app, Action& action);

/// Stands for the "--" in front of a plain command once main() has seen it.
inline constexpr const char* kCommandMark = "::";

/// Exit codes of every command but `run`: 0 done, 1 the answer is no, 2 wrong use, 125 could not.
inline constexpr int kDone = 0;
inline constexpr int kNo = 1;
inline constexpr int kUsage = 2;
inline constexpr int kCannot = 125;

}  // namespace berm
