#include "lint/model.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/pipeline.h"

namespace berm::lint {
namespace {

using Kind = File::Kind;

bool is_yaml_name(std::string_view path) {
  return path.ends_with(".yaml") || path.ends_with(".yml");
}

std::string_view base_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// True if the folder is one of the path's, or where it begins: "x/.github/workflows/".
bool is_below(std::string_view path, std::string_view folder) {
  if (path.starts_with(folder)) return true;
  const std::size_t at = path.find(folder);
  return at != path.npos && at > 0 && path[at - 1] == '/';
}

// "apiVersion:" and "kind:" at the beginning of a line, or quoted as in JSON.
bool looks_like_manifest(std::string_view text) {
  const auto has = [&](std::string_view key) {
    for (std::size_t at = text.find(key); at != std::string_view::npos;
         at = text.find(key, at + 1)) {
      const bool begins = at == 0 || text[at - 1] == '\n' || text[at - 1] == '"' ||
                          text[at - 1] == ' ' || text[at - 1] == '{' || text[at - 1] == '\xBF';
      const std::size_t end = at + key.size();
      const bool ends = end < text.size() && (text[end] == ':' || text[end] == '"');
      if (begins && ends) return true;
    }
    return false;
  };
  return has("apiVersion") && has("kind");
}

// "Dockerfile", "Dockerfile.agent", "agent.Dockerfile", "Containerfile".
bool is_dockerfile_name(std::string_view name) {
  return name == "Dockerfile" || name == "Containerfile" || name.starts_with("Dockerfile.") ||
         name.starts_with("Containerfile.") || name.ends_with(".Dockerfile") ||
         name.ends_with(".dockerfile");
}

// Texts that agents are told in every session, or by name.
bool is_instructions(std::string_view path) {
  const std::string_view name = base_name(path);
  static constexpr std::array<std::string_view, 8> kNames = {
      "CLAUDE.md", "CLAUDE.local.md", "AGENTS.md",      "AGENTS.override.md",
      "GEMINI.md", ".cursorrules",    ".windsurfrules", "copilot-instructions.md"};
  if (std::ranges::find(kNames, name) != kNames.end()) return true;
  if (is_below(path, ".cursor/rules/")) return true;
  const bool text = name.ends_with(".md") || name.ends_with(".mdc");
  return text && (is_below(path, ".claude/commands/") || is_below(path, ".claude/agents/") ||
                  is_below(path, ".claude/skills/") || is_below(path, ".github/instructions/") ||
                  is_below(path, ".github/agents/") || is_below(path, ".github/prompts/") ||
                  is_below(path, ".opencode/command/") || is_below(path, ".gemini/commands/"));
}

std::optional<Kind> settings_by_path(std::string_view path) {
  const std::string_view name = base_name(path);
  const bool json = name.ends_with(".json") || name.ends_with(".jsonc");
  if (json && is_below(path, ".claude/") && name.starts_with("settings"))
    return Kind::claude_settings;
  if (name == "managed-settings.json") return Kind::claude_settings;
  if (name == ".mcp.json" ||
      (name == "mcp.json" && (is_below(path, ".vscode/") || is_below(path, ".cursor/"))))
    return Kind::mcp;
  if (is_below(path, ".codex/") && name.ends_with(".toml")) return Kind::codex;
  if (is_below(path, ".gemini/") && name == "settings.json") return Kind::gemini;
  if (name == "opencode.json" || name == "opencode.jsonc") return Kind::opencode;
  if (name == "berm.toml") return Kind::policy;
  if (is_instructions(path)) return Kind::instructions;
  return std::nullopt;
}

std::optional<Kind> pipeline_by_path(std::string_view path) {
  const std::string_view name = base_name(path);
  if (!is_yaml_name(path)) return std::nullopt;
  if (name.ends_with(".gitlab-ci.yml") || is_below(path, ".gitlab/ci/")) return Kind::gitlab;
  if (is_below(path, ".circleci/")) return Kind::circleci;
  const bool azure = name.starts_with("azure-pipelines") || is_below(path, ".azure-pipelines/") ||
                     is_below(path, ".azuredevops/") || is_below(path, ".pipelines/");
  if (azure) return Kind::azure;
  return std::nullopt;
}

// Those that are known by where they are.
std::optional<Kind> kind_by_path(std::string_view path) {
  const std::string_view name = base_name(path);
  if (is_yaml_name(path) && is_below(path, ".github/workflows/")) return Kind::workflow;
  if (name == "action.yml" || name == "action.yaml") return Kind::composite;
  if (const std::optional<Kind> kind = pipeline_by_path(path)) return kind;
  if (is_yaml_name(path) && (name.starts_with("compose.") || name.starts_with("docker-compose")))
    return Kind::compose;
  if (name == "devcontainer.json" || name == ".devcontainer.json") return Kind::devcontainer;
  if (is_dockerfile_name(name)) return Kind::dockerfile;
  if (const std::optional<Kind> kind = settings_by_path(path)) return kind;
  if (path.ends_with(".sh") || path.ends_with(".bash")) return Kind::shell;
  return std::nullopt;
}

Tree read_tree(const Source& source, Kind kind) {
  const std::string& text = source.text();
  if (kind == Kind::shell || kind == Kind::instructions) return read_plain(text);
  if (kind == Kind::codex || kind == Kind::policy) return read_toml(text);
  if (kind == Kind::dockerfile) return read_dockerfile(text);
  const bool json = source.path().ends_with(".json") || source.path().ends_with(".jsonc") ||
                    trim(text).starts_with('{');
  return json ? read_json(text) : read_yaml(text);
}

// A script of the repository is a job without a system: who runs it, and when, is not known.
void add_shell(const File& file, Model& model) {
  const Node* text = file.tree.documents.front();
  const Script& script = model.scripts.emplace_back(read_script(*file.source, text));
  model.jobs.push_back({.system = CiSystem::shell,
                        .file = file.source.get(),
                        .node = text,
                        .id = file.source->path(),
                        .at = {0, 0},
                        .scripts = {&script},
                        .agents = agents_in(script),
                        .variables = {},
                        .images = {}});
}

// What RUN says is a script; that it starts an agent there is its installer's business.
void add_build(const File& file, Model& model) {
  const ImageBuild& build = model.builds.emplace_back(read_build(*file.source, file.tree));
  Job& job = model.jobs.emplace_back();
  job.system = CiSystem::image_build;
  job.file = file.source.get();
  job.node = file.tree.documents.front();
  job.id = file.source->path();
  job.in_container = true;
  for (const Instruction& one : build.instructions) {
    if (one.script == nullptr) continue;
    const Script& script = model.scripts.emplace_back(read_script(*file.source, one.script));
    job.scripts.push_back(&script);
  }
}

std::optional<SettingsClient> client_of(Kind kind) {
  switch (kind) {
    case Kind::claude_settings:
      return SettingsClient::claude;
    case Kind::mcp:
      return SettingsClient::mcp;
    case Kind::codex:
      return SettingsClient::codex;
    case Kind::gemini:
      return SettingsClient::gemini;
    case Kind::opencode:
      return SettingsClient::opencode;
    default:
      return std::nullopt;
  }
}

void add_documents(const File& file, Model& model) {
  if (file.kind == Kind::shell) return add_shell(file, model);
  if (file.kind == Kind::dockerfile) return add_build(file, model);
  for (const Node* document : file.tree.documents) {
    std::optional<Workflow> read;
    if (file.kind == Kind::kubernetes) add_objects(*file.source, document, model.cluster);
    if (file.kind == Kind::workflow) read = read_workflow(*file.source, document);
    if (file.kind == Kind::composite) read = read_composite(*file.source, document);
    if (read) model.workflows.push_back(*std::move(read));
    if (file.kind == Kind::compose) add_services(*file.source, document, model.containers);
    if (const std::optional<SettingsClient> client = client_of(file.kind))
      model.settings.push_back(read_settings(*file.source, document, *client));
    if (file.kind == Kind::devcontainer) add_devcontainer(*file.source, document, model.containers);
  }
}

void read_pipelines(Model& model) {
  Pipelines out{model.scripts, model.jobs, model.includes};
  const auto files_of = [&](Kind kind) {
    std::vector<PipelineFile> files;
    for (const File& file : model.files) {
      if (file.kind == kind) files.push_back({file.source.get(), &file.tree});
    }
    return files;
  };
  read_gitlab(files_of(Kind::gitlab), out);
  for (const PipelineFile& file : files_of(Kind::circleci)) read_circleci(file, out);
  read_azure(files_of(Kind::azure), out);
}

void flatten(Model& model) {
  for (const Workflow& workflow : model.workflows) {
    for (const WorkflowJob& job : workflow.jobs) {
      if (!workflow.composite) model.workflow_jobs.push_back({workflow, job});
      for (const WorkflowStep& step : job.steps) model.steps.push_back({workflow, job, step});
      model.jobs.push_back(neutral(workflow, job));
    }
  }
  for (const Pod& pod : model.cluster.pods) {
    for (const PodContainer& one : pod.containers) model.cluster.containers.push_back({pod, one});
  }
}

}  // namespace

bool may_be_ours(std::string_view path) {
  return is_yaml_name(path) || path.ends_with(".json") || kind_by_path(path).has_value();
}

std::optional<Kind> kind_of(std::string_view path, std::string_view text) {
  // A chart's templates are no YAML until they are rendered.
  if (is_below(path, "templates/") && text.find("{{") != std::string_view::npos &&
      text.find("${{") == std::string_view::npos)
    return std::nullopt;
  if (const std::optional<Kind> kind = kind_by_path(path)) return kind;
  const bool structured = is_yaml_name(path) || path.ends_with(".json") || path == "-";
  if (structured && looks_like_manifest(text)) return Kind::kubernetes;
  const bool in_ci = is_below(path, "ci/") || is_below(path, ".ci/") || is_below(path, ".gitlab/");
  if (structured && in_ci && text.find("\n  script:") != text.npos) return Kind::gitlab;
  return std::nullopt;
}

bool add_file(Model& model, std::string path, std::string text) {
  const std::optional<Kind> kind = kind_of(path, text);
  if (!kind) return false;
  File& file = model.files.emplace_back();
  file.kind = *kind;
  file.source = std::make_unique<Source>(std::move(path), std::move(text));
  file.tree = read_tree(*file.source, *kind);
  return true;
}

void complete(Model& model) {
  for (const File& file : model.files) add_documents(file, model);
  for (Workflow& workflow : model.workflows) find_agents(workflow);
  join_calls(model.workflows);
  for (Workflow& workflow : model.workflows) read_scripts(workflow);
  read_pipelines(model);
  flatten(model);
  for (const Job& job : model.jobs) {
    add_run_commands(job, model.containers);
    add_job_containers(job, model.containers);
  }
}

std::vector<AgentAt> agents_of(const Model& model) {
  std::vector<AgentAt> out;
  for (const Job& job : model.jobs) {
    for (const Agent& agent : job.agents) out.push_back({job, agent});
  }
  return out;
}

std::vector<CommandAt> commands_of(const Model& model) {
  std::vector<CommandAt> out;
  for (const Job& job : model.jobs) {
    for (const Script* script : job.scripts) {
      for (const Command& command : script->commands) out.push_back({job, *script, command});
    }
  }
  return out;
}

}  // namespace berm::lint
