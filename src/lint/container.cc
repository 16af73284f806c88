#include "lint/container.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/text.h"
#include "lint/agents.h"
#include "lint/workflow.h"

namespace berm::lint {
namespace {

// Options of docker run that stand alone; all others take a value (docker-run(1), podman-run(1)).
bool stands_alone(std::string_view name) {
  static constexpr std::array<std::string_view, 16> kFlags = {
      "privileged", "rm",      "init", "read-only",   "interactive",    "tty",
      "detach",     "quiet",   "help", "publish-all", "no-healthcheck", "oom-kill-disable",
      "sig-proxy",  "replace", "rmi",  "no-hosts"};
  return std::ranges::find(kFlags, name) != kFlags.end();
}

std::string_view long_name(char letter) {
  switch (letter) {
    case 'v':
      return "volume";
    case 'e':
      return "env";
    case 'u':
      return "user";
    case 'm':
      return "memory";
    default:
      return "";
  }
}

// "source:target[:options]"; a name without a slash is a volume of the engine's own.
std::string host_part(std::string_view volume) {
  const std::string_view source = volume.substr(0, volume.find(':'));
  const bool path = source.starts_with('/') || source.starts_with('~') || source.starts_with('$') ||
                    source.starts_with('.');
  return path && volume.find(':') != volume.npos ? std::string(source) : "";
}

// "type=bind,source=/x,target=/y".
std::string bind_source(std::string_view mount) {
  if (mount.find("type=volume") != mount.npos || mount.find("type=tmpfs") != mount.npos) return "";
  for (const std::string_view part : split(mount, ',')) {
    for (const std::string_view key : {"source=", "src="}) {
      if (part.starts_with(key)) return std::string(part.substr(key.size()));
    }
  }
  return "";
}

bool is_root(std::string_view user) {
  user = user.substr(0, user.find(':'));
  return user.empty() || user == "root" || user == "0";
}

void take(std::string_view name, const std::string& value, Span at, Container& out) {
  const auto add = [&](std::vector<Said>& to, std::string text) {
    if (!text.empty()) to.push_back({.text = std::move(text), .span = at});
  };
  if (name == "privileged" && value != "false") add(out.privileged, "privileged");
  if (name == "volume") add(out.mounts, host_part(value));
  if (name == "mount") add(out.mounts, bind_source(value));
  if (name == "cap-add") add(out.capabilities, value);
  if (name == "device") add(out.devices, value.substr(0, value.find(':')));
  if (name == "env-file") add(out.env_files, value);
  if (name == "read-only") out.read_only = value != "false";
  if (name == "memory" || name == "pids-limit") out.limits = true;
  if (name == "user") out.user = !is_root(value);
  if (name == "security-opt" &&
      (value.find("unconfined") != value.npos || value == "label=disable" ||
       value == "label:disable" || value.find("no-new-privileges=false") != value.npos ||
       value.find("no-new-privileges:false") != value.npos))
    add(out.unconfined, value);
  const bool space = name == "network" || name == "net" || name == "pid" || name == "ipc" ||
                     name == "uts" || name == "userns" || name == "cgroupns";
  if (space && value == "host") add(out.host, std::string(name == "net" ? "network" : name));
}

// "-itd", "-vX", "-v X": letters that stand alone, then one that takes what follows.
std::size_t take_short(const std::vector<Said>& words, std::size_t at, Container& out) {
  const std::string& text = words[at].text;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (std::string_view("itdPq").find(text[i]) != std::string_view::npos) continue;
    std::string value = text.substr(i + 1);
    Span span = words[at].span;
    if (value.starts_with('=')) value.erase(0, 1);
    const bool next = value.empty() && at + 1 < words.size();
    if (next) value = words[++at].text;
    span.end = std::max(span.end, words[at].span.end);
    take(long_name(text[i]), value, span, out);
    break;
  }
  return at;
}

std::size_t take_long(const std::vector<Said>& words, std::size_t at, Container& out) {
  std::string name = words[at].text.substr(2);
  Span span = words[at].span;
  std::string value;
  const std::size_t equals = name.find('=');
  if (equals != std::string::npos) {
    value = name.substr(equals + 1);
    name.resize(equals);
  } else if (!stands_alone(name) && at + 1 < words.size()) {
    value = words[++at].text;
    span.end = std::max(span.end, words[at].span.end);
  }
  take(name, value, span, out);
  return at;
}

bool is_engine(std::string_view program) {
  return program == "docker" || program == "podman" || program == "nerdctl";
}

// "claude -p x", "sh -c 'claude -p x'".
bool starts_agent(const std::vector<Said>& words, std::size_t from) {
  return std::any_of(words.begin() + static_cast<std::ptrdiff_t>(std::min(from, words.size())),
                     words.end(), [](const Said& word) {
                       const auto parts = split(word.text, ' ');
                       return std::ranges::any_of(parts, is_agent_program);
                     });
}

bool names_berm(const std::vector<Said>& words, std::size_t from) {
  return from < words.size() && words[from].text == "berm";
}

std::vector<Said> said(const Node* list) {
  std::vector<Said> out;
  for (const Node* word : words_of(list)) {
    out.push_back({.text = text_of(word), .span = follow(word)->span});
  }
  return out;
}

bool command_starts_agent(const Node* service) {
  for (const char* key : {"command", "entrypoint"}) {
    for (const Said& word : said(get(service, key))) {
      for (const std::string_view one : split(word.text, ' ')) {
        if (is_agent_program(one)) return true;
      }
    }
  }
  return false;
}

void take_list(const Node* list, std::string_view name, Container& out) {
  for (const Said& one : said(list)) take(name, one.text, one.span, out);
}

void take_volumes(const Node* volumes, Container& out) {
  take_list(volumes, "volume", out);
  for (const Node* volume : items_of(volumes)) {
    const Node* source = get(volume, "source");
    if (text_of(get(volume, "type")) == "bind" && is_scalar(source))
      out.mounts.push_back({.text = text_of(source), .span = follow(source)->span});
  }
}

// "file", "[a, b]", "[{path: a}]".
void take_env_files(const Node* files, Container& out) {
  take_list(files, "env-file", out);
  for (const Node* file : items_of(files)) {
    const Node* path = get(file, "path");
    if (is_scalar(path)) take("env-file", text_of(path), follow(path)->span, out);
  }
}

void read_service(const Node* service, Container& out) {
  const Node* privileged = follow(get(service, "privileged"));
  if (is_true(privileged)) out.privileged.push_back({"privileged", privileged->span});
  for (const char* key : {"network_mode", "pid", "ipc", "uts", "userns_mode", "cgroup"}) {
    const Node* value = follow(get(service, key));
    const std::string_view name = std::string_view(key).substr(0, std::string_view(key).find('_'));
    if (text_of(value) == "host") out.host.push_back({std::string(name), value->span});
  }
  take_volumes(get(service, "volumes"), out);
  take_list(get(service, "cap_add"), "cap-add", out);
  take_list(get(service, "security_opt"), "security-opt", out);
  take_list(get(service, "devices"), "device", out);
  take_env_files(get(service, "env_file"), out);
  const Node* user = get(service, "user");
  out.user = user != nullptr && !is_root(text_of(user));
  out.read_only = is_true(get(service, "read_only"));
  out.limits = get(service, "mem_limit") != nullptr || get(service, "pids_limit") != nullptr ||
               get(service, {"deploy", "resources", "limits"}) != nullptr;
}

}  // namespace

std::size_t read_run_options(const std::vector<Said>& words, Container& out) {
  std::size_t at = 0;
  for (; at < words.size(); ++at) {
    const std::string& text = words[at].text;
    if (text == "--" || !text.starts_with('-') || text.size() < 2) break;
    at = text.starts_with("--") ? take_long(words, at, out) : take_short(words, at, out);
  }
  return at;
}

std::vector<Said> raw_words(const Source& file, const Node& scalar, Span part) {
  std::vector<Said> out;
  const std::string& text = scalar.value;
  const std::size_t end = std::min(part.end, text.size());
  std::string word;
  std::size_t begin = text.npos;
  char quote = 0;
  const auto finish = [&](std::size_t at) {
    if (begin == text.npos) return;
    out.push_back(
        {.text = std::exchange(word, ""), .span = span_in(file, scalar, begin, at - begin)});
    begin = text.npos;
  };
  for (std::size_t at = part.begin; at < end; ++at) {
    const char c = text[at];
    const bool continued = c == '\\' && at + 1 < end && text[at + 1] == '\n';
    if (continued) {
      finish(at++);
      continue;
    }
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (quote == 0 && blank) {
      finish(at);
      continue;
    }
    if (begin == text.npos) begin = at;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (quote != 0 && c == quote) {
      quote = 0;
    } else {
      word += c;
    }
  }
  finish(end);
  return out;
}

void add_run_commands(const Job& job, std::vector<Container>& out) {
  for (const Script* script : job.scripts) {
    for (const Command& command : script->commands) {
      if (!is_engine(command.program())) continue;
      std::vector<Said> words = raw_words(*script->file, *script->node, command.span);
      const auto verb = std::ranges::find_if(
          words, [](const Said& word) { return word.text == "run" || word.text == "create"; });
      const bool starts =
          verb != words.end() && std::any_of(words.begin(), verb, [](const Said& w) {
            return is_engine(std::string_view(w.text).substr(w.text.rfind('/') + 1));
          });
      // "docker compose run", "docker volume create" start no container of these options.
      if (!starts || (verb - words.begin() > 1 && !(verb - 1)->text.starts_with('-') &&
                      !is_engine((verb - 1)->text) && (verb - 1)->text != "container"))
        continue;
      words.erase(words.begin(), verb + 1);
      Container one{.file = script->file,
                    .at = script->in_file(command.span),
                    .who = fmt::format("{} run", command.program()),
                    .image = {}};
      const std::size_t image = read_run_options(words, one);
      if (image < words.size()) one.image = words[image];
      if (names_berm(words, image + 1)) continue;
      one.agent = is_agent_image(one.image.text) || starts_agent(words, image + 1);
      out.push_back(std::move(one));
    }
  }
}

void add_job_containers(const Job& job, std::vector<Container>& out) {
  if (job.workflow_job == nullptr) return;
  const auto add = [&](const Node* node, const Node* key, std::string who, bool agent) {
    if (!is_mapping(node)) return;
    Container one{
        .file = job.file, .at = key->span, .who = std::move(who), .image = {}, .agent = agent};
    const Node* options = follow(get(node, "options"));
    if (is_scalar(options)) {
      const std::vector<Said> words = raw_words(*job.file, *options, {0, options->value.size()});
      static_cast<void>(read_run_options(words, one));
    }
    take_list(get(node, "volumes"), "volume", one);
    out.push_back(std::move(one));
  };
  if (const std::optional<Entry> container = entry_of(job.node, "container"))
    add(container->value, container->key, fmt::format("the container of {}", words_for(job)),
        job.workflow_job->agent);
  for (const Entry& entry : entries_of(get(job.node, "services"))) {
    add(entry.value, entry.key, fmt::format("service '{}'", printable(text_of(entry.key))), false);
  }
}

void add_services(const Source& file, const Node* document, std::vector<Container>& out) {
  const Node* services = get(document, "services");
  for (const Entry& entry : entries_of(services)) {
    if (!is_mapping(entry.value)) continue;
    Container one{.file = &file,
                  .at = entry.key->span,
                  .who = fmt::format("service '{}'", printable(text_of(entry.key))),
                  .image = {}};
    const Node* image = follow(get(entry.value, "image"));
    const bool built = get(entry.value, "build") != nullptr;
    if (is_scalar(image) && !built) one.image = {image->value, image->span};
    one.agent = is_agent_image(text_of(image)) || command_starts_agent(entry.value) ||
                is_agent_image(text_of(entry.key));
    // `extends` of the same file: what it gives is given here, at its own place.
    const Node* base = get(entry.value, "extends");
    const Node* name = is_mapping(base) ? get(base, "service") : base;
    if (is_scalar(name) && get(base, "file") == nullptr && text_of(name) != text_of(entry.key))
      read_service(get(services, text_of(name)), one);
    read_service(entry.value, one);
    out.push_back(std::move(one));
  }
}

void add_devcontainer(const Source& file, const Node* document, std::vector<Container>& out) {
  if (!is_mapping(document)) return;
  Container one{
      .file = &file, .at = document->span, .who = "the development container", .image = {}};
  if (!document->entries.empty()) one.at = document->entries.front().key->span;
  static_cast<void>(read_run_options(said(get(document, "runArgs")), one));
  const Node* privileged = follow(get(document, "privileged"));
  if (is_true(privileged)) one.privileged.push_back({"privileged", privileged->span});
  take_list(get(document, "capAdd"), "cap-add", one);
  take_list(get(document, "securityOpt"), "security-opt", one);
  take_list(get(document, "mounts"), "mount", one);
  for (const Node* mount : items_of(get(document, "mounts"))) {
    const Node* source = get(mount, "source");
    if (is_scalar(source) && text_of(get(mount, "type")) != "volume")
      one.mounts.push_back({text_of(source), follow(source)->span});
  }
  const std::string_view text = file.text();
  one.agent = std::ranges::any_of(std::array{"claude", "codex", "gemini-cli", "opencode", "aider"},
                                  [&](const char* name) { return text.find(name) != text.npos; });
  out.push_back(std::move(one));
}

}  // namespace berm::lint
