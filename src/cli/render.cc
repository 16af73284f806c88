#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/run_options.h"
#include "plan/print.h"
#include "pod/place.h"
#include "record/canonical.h"
#include "record/sha256.h"
#include "tiers/container/harden.h"
#include "tiers/kubernetes/run_objects.h"

namespace berm {
namespace {

int render_hardened(const std::string& line) {
  const Result<Hardened> hardened = harden(line);
  if (!hardened) return fail(hardened.error());
  put(printable_block(shell_line(hardened->argv)) + "\n");
  for (const Hardened::Change& change : hardened->changes) {
    complain(fmt::format("berm: {}: {}\n", printable(change.what), change.why));
  }
  return kDone;
}

// What a run makes for itself stands for itself: a reader, and a dry run, need no secret.
kubernetes::RunMaterial shown_material(const Plan& plan) {
  constexpr const char* kMade = "made for each run\n";
  std::map<std::string, std::string> egress = {{"configuration.json", kMade}};
  for (const std::string prefix : {pod::kCallerPrefix, pod::kAgentPrefix}) {
    for (const char* name : {"ca.crt", "tls.crt", "tls.key"}) egress[prefix + name] = kMade;
  }
  for (std::size_t i = 0; i < plan.credentials.size(); ++i) {
    egress[fmt::format("credential-{}", i)] = kMade;
  }
  return {.plan_digest = "sha256:" + sha256_hex(canonical(to_json(plan))),
          .agent_files = {{"ca.crt", kMade}, {"tls.crt", kMade}, {"tls.key", kMade}},
          .egress_files = std::move(egress),
          .owner = std::nullopt,
          .shutdown_time = "2100-01-01T00:00:00Z"};
}

int render_kubernetes(const RunOptions& options, const std::vector<std::string>& words) {
  const Result<RunRequest> request = to_request(options, words);
  if (!request) return fail(request.error());
  const Result<PreparedRun> prepared = prepare_run(*request, Footprint::none);
  if (!prepared) return fail(prepared.error());
  nlohmann::json list = nlohmann::json::array();
  std::string documents;
  for (const kubernetes::Object& object :
       kubernetes::run_objects(prepared->plan, shown_material(prepared->plan))) {
    nlohmann::json one = kubernetes::to_json(object);
    documents += "---\n" + kubernetes::to_yaml(one);
    list.push_back(std::move(one));
  }
  if (options.json) {
    put_json({{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(list)}});
  } else {
    put(documents);
  }
  for (const std::string& weakness : prepared->plan.weaknesses) {
    complain("berm: weaker: " + printable(weakness) + "\n");
  }
  complain(
      "berm: these are the objects of one run, without its keys: for review and admission tests; "
      "'berm run --tier kubernetes' makes them\n");
  return kDone;
}

void add_render_kubernetes(CLI::App& render, Action& action) {
  CLI::App* command = render.add_subcommand("kubernetes", "the objects of a run on a cluster");
  command->footer(
      "Usage: berm render kubernetes [options] AGENT [ARGS…]\n       berm render kubernetes "
      "[options] -- COMMAND [ARGS…]\n\nYAML, or with --json one List. Secrets hold no secret. "
      "Nothing is sent to a cluster.\n\nExamples:\n  berm render kubernetes --image "
      "tools@sha256:… -- make test\n  berm render kubernetes --json -- make | jq '.items[].kind'");
  const std::shared_ptr<RunOptions> options = add_run_options(*command);
  command->callback([=, &action] {
    options->tier = "kubernetes";
    action = [=] { return render_kubernetes(*options, command->remaining()); };
  });
}

}  // namespace

void add_render(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("render",
                         "print a hardened command line of an engine, or the objects of "
                         "a run on a cluster");
  command->footer(
      "Usage: berm render --harden 'docker run …'\n       berm render kubernetes …\n\nThe line "
      "goes "
      "to stdout, what was changed and why to stderr. Nothing is started.");
  const auto line = std::make_shared<std::string>();
  CLI::Option* harden_line =
      command->add_option("--harden", *line, "a docker run or podman run of yours, in quotes");
  add_render_kubernetes(*command, action);
  command->callback([=, &action] {
    if (!command->get_subcommands().empty()) return;
    if (harden_line->count() == 0) {
      throw CLI::CallForHelp();
    }
    action = [=] { return render_hardened(*line); };
  });
}

}  // namespace berm
