// Images: which one it is, and what is built into it. And what is downloaded and run.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/model.h"
#include "lint/rules/rules.h"

namespace berm::lint {
namespace {

bool is_template(std::string_view image) {
  return image.find('$') != image.npos || image.find("<<") != image.npos ||
         image.find("{{") != image.npos;
}

void add_image(const Source& file, const Said& image, bool agent, Report& report) {
  const std::string& text = image.text;
  const bool plain = !text.empty() && text != "scratch" && !is_template(text);
  if (!plain || text.find("@sha256:") != std::string::npos || text.starts_with("sha256:")) return;
  Finding& found = report.add(file, image.span,
                              fmt::format("'{}' is whatever it is at the time", printable(text)));
  const std::string_view name = std::string_view(text).substr(text.rfind('/') + 1);
  const bool moves = name.find(':') == name.npos || name.ends_with(":latest");
  if (moves && agent) found.severity = Severity::medium;
  if (!agent) found.persona = Persona::pedantic;
}

void check_builds(const Model& model, Report& report) {
  for (const ImageBuild& build : model.builds) {
    std::set<std::string> before;
    for (const Instruction& one : build.instructions) {
      if (one.name != "FROM") continue;
      const BuildBase base = base_of(*build.file, one);
      if (!before.contains(lower(base.image.text)))
        add_image(*build.file, base.image, build.agent, report);
      if (!base.stage.empty()) before.insert(base.stage);
    }
  }
}

void check_image(const Model& model, Report& report) {
  check_builds(model, report);
  for (const Job& job : model.jobs) {
    const bool agent =
        !job.agents.empty() || (job.workflow_job != nullptr && job.workflow_job->agent);
    for (const Node* image : job.images) {
      if (job.file->slice(image->span).empty()) continue;
      const bool beside = std::ranges::find(job.services, image) != job.services.end();
      add_image(*job.file, {image->value, image->span}, agent && !beside, report);
    }
  }
  for (const Container& one : model.containers) add_image(*one.file, one.image, one.agent, report);
}

// A path that a build should not take in.
bool is_secret_path(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  static constexpr std::array<std::string_view, 14> kNames = {
      ".env",    ".npmrc", ".netrc", ".pypirc", ".git-credentials", "id_rsa", "id_ed25519",
      ".claude", ".codex", ".aws",   ".ssh",    ".docker",          ".kube",  ".claude.json"};
  if (std::ranges::find(kNames, name) != kNames.end()) return true;
  return path.find("/.aws/") != path.npos || path.find("/.ssh/") != path.npos ||
         path.starts_with(".aws/") || path.starts_with(".ssh/") ||
         path.ends_with(".claude/.credentials.json") || path.ends_with(".codex/auth.json");
}

void check_copy(const ImageBuild& build, const Instruction& one, Report& report) {
  const std::vector<Said> words = raw_words(*build.file, *one.text, {0, one.text->value.size()});
  // The last word is where it goes; another stage's files are in the image already.
  for (std::size_t i = 1; i + 1 < words.size(); ++i) {
    if (words[i].text.starts_with("--from")) return;
    if (is_secret_path(words[i].text))
      report.add(
          *build.file, one.span,
          fmt::format("'{}' is in the image, for whoever pulls it", printable(words[i].text)));
  }
}

// "ENV A=b", "ENV A b", "ARG A=b", "ARG A".
void check_variable(const ImageBuild& build, const Instruction& one, Report& report) {
  const std::vector<Said> words = raw_words(*build.file, *one.text, {0, one.text->value.size()});
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::size_t equals = words[i].text.find('=');
    const std::string name = words[i].text.substr(0, equals);
    const std::string value =
        equals == std::string::npos
            ? (one.name == "ENV" && i + 1 < words.size() ? words[i + 1].text : "")
            : words[i].text.substr(equals + 1);
    // An empty or told-to-change default is no key; an ARG is one when the image is built.
    const bool given = one.name == "ARG"
                           ? equals == std::string::npos || value.empty() || !is_placeholder(value)
                           : value.starts_with('$') || !is_placeholder(value);
    if (is_key_name(name) && given)
      report.add(*build.file, one.span,
                 fmt::format("{} stays in the image's history", printable(name)));
  }
}

void check_secret(const Model& model, Report& report) {
  for (const ImageBuild& build : model.builds) {
    for (const Instruction& one : build.instructions) {
      if (one.name == "COPY" || one.name == "ADD") check_copy(build, one, report);
      if (one.name == "ENV" || one.name == "ARG") check_variable(build, one, report);
    }
  }
  for (const auto& [job, script, command] : commands_of(model)) {
    if (job.system != CiSystem::image_build || command.words.size() < 2) continue;
    const bool logs_in =
        is_agent_program(command.words[0].text) &&
        (command.words[1].text == "login" || command.words[1].text == "setup-token");
    if (logs_in)
      report.add(*script.file, script.in_file(command.span),
                 "the login of whoever builds the image is in it");
  }
}

bool fetches(const Command& command) {
  return command.program() == "curl" || command.program() == "wget";
}

bool runs_input(const Command& command) {
  static constexpr std::array<std::string_view, 8> kAll = {"sh",  "bash",   "zsh",     "dash",
                                                           "ksh", "python", "python3", "node"};
  if (std::ranges::find(kAll, command.program()) == kAll.end()) return false;
  // "python3 -c 'json.load(…)'", "node x.js" read data.
  return command.words.size() == 1 || command.words[1].text == "-" ||
         command.words[1].text.starts_with("-s") || command.words[1].text == "-e" ||
         command.words[1].text == "-x" || command.words[1].text.starts_with("-ex");
}

void check_pipe(const Model& model, Report& report) {
  for (const Job& job : model.jobs) {
    const bool built = std::ranges::any_of(model.builds, [&](const ImageBuild& build) {
      return build.agent && build.file == job.file;
    });
    const bool agent =
        built || !job.agents.empty() || (job.workflow_job != nullptr && job.workflow_job->agent);
    for (const Script* script : job.scripts) {
      for (const Command& from : script->commands) {
        if (!fetches(from)) continue;
        const auto to = std::ranges::find_if(script->commands, [&](const Command& one) {
          return one.pipeline == from.pipeline && one.stage > from.stage && runs_input(one);
        });
        const std::string_view text = script->node->value;
        const std::string_view before = trim(text.substr(0, from.span.begin));
        const bool inside = before.ends_with("bash <(") || before.ends_with("sh <(") ||
                            before.ends_with("source <(") || before.ends_with("sh -c \"$(") ||
                            before.ends_with("eval \"$(") || before.ends_with("-c $(");
        if (to == script->commands.end() && !inside) continue;
        Finding& found = report.add(
            *script->file, script->in_file(from.span),
            fmt::format("whoever serves this address runs what he likes in {}", words_for(job)));
        if (!agent) found.persona = Persona::pedantic;
      }
    }
  }
}

void check_devcontainer(const Model& model, Report& report) {
  for (const File& file : model.files) {
    if (file.kind != File::Kind::devcontainer || file.tree.documents.empty()) continue;
    const Node* root = file.tree.documents.front();
    for (const char* key : {"initializeCommand", "onCreateCommand", "updateContentCommand",
                            "postCreateCommand", "postStartCommand", "postAttachCommand"}) {
      const Node* command = get(root, key);
      if (command == nullptr) continue;
      const bool on_host = std::string_view(key) == "initializeCommand";
      Finding& found = report.add(
          *file.source, follow(command)->span,
          on_host ? "whoever opens this repository runs this on his own machine"
                  : fmt::format("{} runs as soon as somebody opens this repository", key));
      if (!on_host) found.severity = Severity::low;
      if (!on_host) found.persona = Persona::auditor;
    }
  }
}

}  // namespace

const Rule unpinned_image{
    .id = "unpinned-image",
    .title = "an image by a name that moves",
    .severity = Severity::low,
    .why = "A tag is moved by whoever owns the registry, or has taken it over.",
    .bad = "image: node:22",
    .good = "image: node:22@sha256:…",
    .fix = "name the digest; let a bot raise it",
    .check = check_image};

const Rule secret_in_image{
    .id = "secret-in-image",
    .title = "a key that is built into an image",
    .severity = Severity::high,
    .why =
        "Layers keep what a later line removes, and ARG and ENV stand in the history: who pulls "
        "the image has the key.",
    .bad = "ARG ANTHROPIC_API_KEY\nCOPY .claude /root/.claude",
    .good = "RUN --mount=type=secret,id=key …   # and give the agent its key when it runs",
    .fix = "use a build secret, or give it when the container is started",
    .check = check_secret};

const Rule pipe_to_shell{
    .id = "pipe-to-shell",
    .title = "a download that is run unread",
    .severity = Severity::medium,
    .why =
        "What the address serves today is not what it served when somebody looked, and may be "
        "another for a CI job than for a browser (Codecov's uploader, 2021).",
    .bad = "curl -fsSL https://get.example.com | sh",
    .good = "curl -fsSLO https://get.example.com/v1.2.3/tool && sha256sum -c tool.sha256",
    .fix = "fetch a version, check its digest, then run it",
    .check = check_pipe};

const Rule repo_devcontainer_code{
    .id = "repo-devcontainer-code",
    .title = "a command that runs when somebody opens the repository",
    .severity = Severity::medium,
    .why =
        "initializeCommand runs on the host, outside of the container, in whoever's name opens "
        "the folder; an agent that may write the file writes it for him.",
    .bad = "{\"initializeCommand\": \"./setup.sh\"}",
    .good = "{\"postCreateCommand\": \"npm ci --ignore-scripts\"}",
    .fix = "move it into the container (postCreateCommand), and protect the file",
    .check = check_devcontainer};

}  // namespace berm::lint
