#include <errno.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "drill/host/drill.h"
#include "drill/host/targets.h"
#include "sys/child.h"

namespace berm::drill {
namespace {

using nlohmann::json;

constexpr unsigned long kProcesses = 200;  // the run's limit; the acts try one more

std::vector<std::string> environment(const Targets& targets, const std::string& record) {
  std::vector<std::string> out;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view one(*at);
    // The record of a drill is none of the user's runs.
    if (!one.starts_with("XDG_STATE_HOME=") && !one.starts_with("BERM_DRILL_") &&
        !one.starts_with("SSH_AUTH_SOCK=")) {
      out.emplace_back(one);
    }
  }
  for (std::string& one : targets.variables(record, kProcesses)) out.push_back(std::move(one));
  for (const char* one : {"BERM_DRILL_SECRET=1", "BERM_DRILL_LOADER=1"}) out.emplace_back(one);
  out.push_back("SSH_AUTH_SOCK=" + targets.at("daemon.sock"));
  out.push_back("XDG_STATE_HOME=" + targets.at("state"));
  return out;
}

// What an embedding program may leak: an open descriptor.
std::vector<std::string> with_leaked_descriptor(std::vector<std::string> argv) {
  std::vector<std::string> out = {"sh", "-c", "exec 9<\"$0\"; exec \"$0\" \"$@\""};
  std::ranges::move(argv, std::back_inserter(out));
  return out;
}

Result<std::string> own_init() {
  char path[4096];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path - 1);
  if (length <= 0) return os_error("find berm's own program");
  const std::string self(path, static_cast<std::size_t>(length));
  return self.substr(0, self.rfind('/')) + "/berm-init";
}

Result<std::string> place_program(const Targets& targets) {
  const std::string program = targets.at("repo/berm-drill");
  const std::string init = BERM_TRY(own_init());
  const std::string content = BERM_TRY(read_file(init));
  BERM_TRY(write_file(program, content, 0755));
  return program;
}

// The acts make files of fixed names, as root with capabilities on them: never where another user
// could have put one before.
Result<Errnos> controls(const Targets& targets, const char* mode) {
  BERM_TRY(make_directories(targets.at("tmp"), 0700));
  std::vector<std::string> env = environment(targets, targets.at("state"));
  std::erase_if(env, [](const std::string& one) { return one.starts_with("TMPDIR="); });
  env.push_back("TMPDIR=" + targets.at("tmp"));
  const Command command{.argv = with_leaked_descriptor({"./berm-drill", "drill", mode}),
                        .env = std::move(env),
                        .directory = targets.at("repo"),
                        .deadline = std::chrono::minutes(2)};
  // Namespaces that cannot be made here are no Error: their acts have no control.
  return errnos_in(BERM_TRY(run_command(command)).output);
}

std::vector<std::string> what_is_left(const Targets& targets) {
  std::vector<std::string> out;
  for (const Group& group : groups()) {
    for (const Act& act : group.acts) {
      if (act.control == Control::aftermath && targets.has(act.path)) out.emplace_back(act.name);
    }
  }
  return out;
}

std::vector<std::string> refused_paths(const json& report) {
  std::vector<std::string> out;
  const auto findings = report.find("findings");
  if (findings == report.end() || !findings->is_array()) return out;
  for (const json& one : *findings) {
    if (!one.is_object() || !one.contains("path") || !one["path"].is_string()) continue;
    if (one.value("severity", json()) == "refuse") out.push_back(one["path"]);
  }
  return out;
}

std::vector<std::string> run_argv(const HostDrillWishes& wishes, const Targets& targets,
                                  const char* mode) {
  std::vector<std::string> out = {"/proc/self/exe",
                                  "run",
                                  "--json",
                                  "--ci-report",
                                  "off",
                                  "--tier",
                                  wishes.tier,
                                  "--profile",
                                  "none",
                                  "--on-success",
                                  "apply",
                                  "--processes",
                                  fmt::format("{}", kProcesses)};
  out[0] = "/proc/" + fmt::format("{}", ::getpid()) + "/exe";
  if (!wishes.policy.empty()) out.insert(out.end(), {"--policy", wishes.policy});
  out.insert(out.end(), wishes.run_options.begin(), wishes.run_options.end());
  for (std::string& one : targets.variables(targets.at("state"), kProcesses)) {
    out.insert(out.end(), {"--env", std::move(one)});
  }
  out.insert(out.end(), {"--", "./berm-drill", "drill", mode});
  return out;
}

tl::unexpected<Error> no_sandbox(const CommandResult& ran) {
  return failure(Errc::unsupported,
                 fmt::format("run the drill in a sandbox (exit code {}): {}", ran.code,
                             printable(trim(ran.errors))),
                 "'berm doctor' tells which tiers work here");
}

struct Inside {
  json report;
  Errnos errnos;
};
Result<Inside> try_inside(const HostDrillWishes& wishes, const Targets& targets, const char* mode) {
  const CommandResult ran =
      BERM_TRY(run_command({.argv = with_leaked_descriptor(run_argv(wishes, targets, mode)),
                            .env = environment(targets, ""),
                            .directory = targets.at("repo"),
                            .deadline = std::chrono::minutes(10)}));
  Inside out{.report = json::parse(ran.output, nullptr, false), .errnos = errnos_in(ran.errors)};
  if (!out.report.is_object()) return no_sandbox(ran);
  // The run was ended for it, before the act could say so or after.
  if (out.report.value("/outcome/limit"_json_pointer, json()) == "processes") {
    int& answer = out.errnos["exceed_process_limit"];
    if (answer == 0) answer = kKilled;
  }
  if (!out.errnos.empty()) return out;
  return no_sandbox(ran);
}

bool wants(const HostDrillWishes& wishes, std::string_view group) {
  return wishes.groups.empty() || std::ranges::find(wishes.groups, group) != wishes.groups.end();
}

}  // namespace

Result<ScoreCard> drill_host(const HostDrillWishes& wishes,
                             const std::function<void(std::string_view)>& progress) {
  Observed seen;
  progress("trying the acts in a sandbox");
  Inside inside;
  {
    const Targets targets = BERM_TRY(Targets::make());
    BERM_TRY(place_program(targets));
    inside = BERM_TRY(try_inside(wishes, targets, "inside"));
    seen.inside = std::move(inside.errnos);
    seen.left_inside = what_is_left(targets);
    seen.refused = refused_paths(inside.report);
    Inside exhausted = BERM_TRY(try_inside(wishes, targets, "exhausting"));
    seen.inside.merge(exhausted.errnos);
  }
  progress("trying the same acts outside, on copies");
  {
    const Targets targets = BERM_TRY(Targets::make());
    BERM_TRY(place_program(targets));
    seen.control = BERM_TRY(controls(targets, "namespaces"));
    seen.control.merge(BERM_TRY(controls(targets, "outside")));
    seen.left_control = what_is_left(targets);
  }
  ScoreCard card{.tier = inside.report.value("tier", wishes.tier),
                 .run = inside.report.value("id", "")};
  seen.tier = card.tier;
  seen.landlock_abi = seen.inside["landlock_abi"];
  for (const Group& group : groups()) {
    if (!wants(wishes, group.name)) continue;
    for (const Act& act : group.acts) card.acts.push_back(judge_act(group.name, act, seen));
  }
  return card;
}

}  // namespace berm::drill
