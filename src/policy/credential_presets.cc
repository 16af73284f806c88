#include "policy/credential_presets.h"

#include <fmt/format.h>

#include <algorithm>

namespace berm {
namespace {

using Options = PresetOptions;

CredentialUse bearer(std::string host, std::vector<std::string> paths) {
  return {.host = std::move(host),
          .carrier = Carrier::header,
          .name = "authorization",
          .format = "Bearer {}",
          .paths = std::move(paths)};
}

CredentialUse basic(std::string host, std::string user, std::vector<std::string> paths) {
  return {.host = std::move(host),
          .carrier = Carrier::basic,
          .name = std::move(user),
          .paths = std::move(paths)};
}

// What git's client asks of a forge (gitprotocol-http(5)), and its large files.
std::vector<std::string> git_paths(const std::vector<std::string>& repositories) {
  std::vector<std::string> out;
  for (const std::string& repository : repositories) {
    for (const char* suffix : {"", ".git"}) {
      for (const char* end :
           {"/info/refs", "/git-upload-pack", "/git-receive-pack", "/info/lfs/**"}) {
        out.push_back(fmt::format("/{}{}{}", repository, suffix, end));
      }
    }
  }
  return out;
}

// What answers with a key that outlives the run, or plants one: not for an agent unless `to` says
// so.
std::vector<std::string> beneath(const std::vector<std::string>& roots,
                                 const std::vector<std::string_view>& ends) {
  std::vector<std::string> out;
  for (const std::string& root : roots) {
    for (const std::string_view end : ends) {
      out.push_back(fmt::format("{}/{}", root, end));
      out.push_back(fmt::format("{}/{}/**", root, end));
    }
  }
  return out;
}

void anthropic(const Options& options, CredentialGrant& grant) {
  const std::string host = options.host.empty() ? "api.anthropic.com" : options.host;
  const std::vector<std::string> paths = {"/v1/messages", "/v1/messages/count_tokens", "/v1/models",
                                          "/v1/models/*"};
  // A token that workload identity was exchanged for is a bearer's.
  grant.to = {
      options.token
          ? bearer(host, paths)
          : CredentialUse{
                .host = host, .carrier = Carrier::header, .name = "x-api-key", .paths = paths}};
  grant.env = {{"ANTHROPIC_API_KEY", "{}"}};
  grant.model.api = "anthropic";
}

void openai(const Options& options, CredentialGrant& grant) {
  grant.to = {bearer(options.host.empty() ? "api.openai.com" : options.host,
                     {"/v1/responses", "/v1/chat/completions", "/v1/models", "/v1/models/*"})};
  grant.env = {{"OPENAI_API_KEY", "{}"}};
  grant.model.api = "openai";
}

void gemini(const Options& options, CredentialGrant& grant) {
  grant.to = {{.host = options.host.empty() ? "generativelanguage.googleapis.com" : options.host,
               .carrier = Carrier::header,
               .name = "x-goog-api-key",
               .paths = {"/v1beta/models", "/v1beta/models/*", "/v1/models", "/v1/models/*"}}};
  grant.env = {{"GEMINI_API_KEY", "{}"}};
  grant.model.api = "gemini";
}

void github(const Options& options, CredentialGrant& grant) {
  const bool enterprise = !options.host.empty();
  std::vector<std::string> api;
  for (const std::string& repository : options.repositories) {
    const std::string root = fmt::format("{}/repos/{}", enterprise ? "/api/v3" : "", repository);
    api.insert(api.end(), {root, root + "/**"});
  }
  std::vector<std::string> roots;
  for (const std::string& repository : options.repositories) {
    roots.push_back(fmt::format("{}/repos/{}", enterprise ? "/api/v3" : "", repository));
  }
  CredentialUse uses = bearer(enterprise ? options.host : "api.github.com", std::move(api));
  uses.except =
      beneath(roots, {"keys", "hooks", "actions/runners", "actions/secrets", "actions/variables",
                      "actions/organization-secrets", "environments", "dependabot/secrets",
                      "codespaces", "collaborators", "invitations", "rulesets", "transfer"});
  grant.to = {std::move(uses), basic(enterprise ? options.host : "github.com", "x-access-token",
                                     git_paths(options.repositories))};
  grant.env = {{"GH_TOKEN", "{}"}, {"GITHUB_TOKEN", "{}"}};
}

void gitlab(const Options& options, CredentialGrant& grant) {
  const std::string host = options.host.empty() ? "gitlab.com" : options.host;
  std::vector<std::string> api;
  for (const std::string& repository : options.repositories) {
    // The API names a project by one escaped segment, "acme%2Fapp", which has two readings, or by
    // number.
    if (repository.find('/') == std::string::npos) {
      api.insert(api.end(), {fmt::format("/api/v4/projects/{}", repository),
                             fmt::format("/api/v4/projects/{}/**", repository)});
    }
  }
  std::vector<std::string> named;
  std::ranges::copy_if(options.repositories, std::back_inserter(named),
                       [](const std::string& r) { return r.find('/') != std::string::npos; });
  grant.to = {};
  if (!api.empty()) {
    std::vector<std::string> roots;
    for (const std::string& path : api) {
      if (!path.ends_with("/**")) roots.push_back(path);
    }
    grant.to.push_back({.host = host,
                        .carrier = Carrier::header,
                        .name = "private-token",
                        .paths = api,
                        .except = beneath(roots, {"access_tokens", "deploy_tokens", "deploy_keys",
                                                  "hooks", "triggers", "runners", "variables",
                                                  "members", "invitations", "cluster_agents"})});
  }
  if (!named.empty()) grant.to.push_back(basic(host, "oauth2", git_paths(named)));
  grant.env = {{"GITLAB_TOKEN", "{}"}};
}

// Clients that want to see a token before they ask find the placeholder in the file they read.
void npm(const Options& options, CredentialGrant& grant) {
  grant.to = {bearer(options.host, {})};
  grant.to.front().except = {"/-/npm/v1/tokens", "/-/npm/v1/tokens/**",
                             "/-/user/**",       "/-/npm/v1/user",
                             "/access/**",       "/artifactory/api/security/**"};
  grant.env = {{"NPM_TOKEN", "{}"}};
  grant.file = CredentialFile{"~/.npmrc", fmt::format("//{}/:_authToken={{}}\n", options.host)};
}

void pypi(const Options& options, CredentialGrant& grant) {
  const std::string user = options.user.empty() ? "__token__" : options.user;
  grant.to = {basic(options.host, user, {})};
  grant.to.front().except = {"/manage",     "/manage/**", "/account",
                             "/account/**", "/_/**",      "/artifactory/api/security/**"};
  grant.file = CredentialFile{
      "~/.netrc", fmt::format("machine {} login {} password {{}}\n", options.host, user)};
}

void cargo(const Options& options, CredentialGrant& grant) {
  grant.to = {{.host = options.host,
               .carrier = Carrier::header,
               .name = "authorization",
               .except = {"/api/v1/me", "/api/v1/me/**", "/api/v1/crates/*/owners",
                          "/api/v1/crates/*/owners/**", "/api/v1/trusted_publishing/**"}}};
  grant.env = {{"CARGO_REGISTRY_TOKEN", "{}"}};
}

// Registries that take a token in the secret's place, and who gives it.
struct TokenService {
  std::string_view name;      ///< as users say it
  std::string_view registry;  ///< where its API is
  std::string_view host;
  std::string_view path;
};

constexpr TokenService kTokenServices[] = {
    {"docker.io", "registry-1.docker.io", "auth.docker.io", "/token"},
    {"ghcr.io", "ghcr.io", "ghcr.io", "/token"},
    {"quay.io", "quay.io", "quay.io", "/v2/auth"},
    {"registry.gitlab.com", "registry.gitlab.com", "gitlab.com", "/jwt/auth"},
};

// A registry of one's own is asked by basic authentication, unless `to` says more.
void docker(const Options& options, CredentialGrant& grant) {
  std::vector<std::string> paths = {"/v2/"};
  for (const std::string& repository : options.repositories) {
    paths.push_back(fmt::format("/v2/{}/**", repository));
  }
  if (options.repositories.empty()) paths = {"/v2/**"};
  const auto* const known = std::ranges::find_if(kTokenServices, [&](const TokenService& service) {
    return options.host == service.name || options.host == service.registry;
  });
  if (known == std::end(kTokenServices)) {
    grant.to = {basic(options.host, options.user, std::move(paths))};
    return;
  }
  CredentialUse asking = basic(std::string(known->host), options.user, {std::string(known->path)});
  // A POST there is for tokens that last (grant_type=password, refresh_token).
  asking.methods = {"GET"};
  grant.to = {std::move(asking),
              {.host = std::string(known->registry),
               .carrier = Carrier::exchanged,
               .paths = std::move(paths)}};
}

void aws(const Options& options, CredentialGrant& grant) {
  grant.to = {{.host = options.host, .carrier = Carrier::sigv4}};
  grant.env = {{"AWS_ACCESS_KEY_ID", "{}"}, {"AWS_SECRET_ACCESS_KEY", "berm/not/a/key/{}"}};
}

enum class Needs { nothing, host, host_and_user, repositories };

struct Preset {
  std::string_view name;
  void (*apply)(const Options&, CredentialGrant&);
  Needs needs;
  std::string_view prefix;  ///< of the placeholder
  std::size_t length;       ///< of what follows it
  bool upper;               ///< only upper-case letters and digits
};

constexpr Preset kPresets[] = {
    {"anthropic", anthropic, Needs::nothing, "sk-ant-api03-", 95, false},
    {"aws", aws, Needs::host, "AKIA", 16, true},
    {"cargo", cargo, Needs::host, "cio", 32, false},
    {"docker", docker, Needs::host_and_user, "dckr_pat_", 27, false},
    {"gemini", gemini, Needs::nothing, "AIza", 35, false},
    {"github", github, Needs::repositories, "ghs_", 36, false},
    {"gitlab", gitlab, Needs::repositories, "glpat-", 20, false},
    {"npm", npm, Needs::host, "npm_", 36, false},
    {"openai", openai, Needs::nothing, "sk-proj-", 100, false},
    {"pypi", pypi, Needs::host, "pypi-AgEIcHlwaS5vcmc", 100, false},
};

const Preset* find_preset(std::string_view name) {
  const auto* const found = std::ranges::find(kPresets, name, &Preset::name);
  return found == std::end(kPresets) ? nullptr : found;
}

std::string_view what_is_missing(const Preset& preset, const Options& options) {
  switch (preset.needs) {
    case Needs::nothing:
      return "";
    case Needs::host:
      return options.host.empty() ? "host" : "";
    case Needs::host_and_user:
      return options.host.empty() ? "host" : options.user.empty() ? "user" : "";
    case Needs::repositories:
      break;
  }
  return options.repositories.empty() ? "repositories" : "";
}

}  // namespace

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> out;
  for (const Preset& preset : kPresets) out.push_back(preset.name);
  return out;
}

Result<void> apply_preset(std::string_view preset, const PresetOptions& options,
                          CredentialGrant& grant) {
  const Preset* const found = find_preset(preset);
  if (found == nullptr) {
    return failure(Errc::invalid_policy, fmt::format("unknown preset '{}'", preset));
  }
  CredentialGrant filled;
  // A grant that says where it goes needs nothing more.
  PresetOptions asked = options;
  asked.token = grant.from.starts_with("anthropic-wif:");
  const std::string_view missing = grant.to.empty() ? what_is_missing(*found, options) : "";
  if (!missing.empty()) {
    return failure(Errc::invalid_policy,
                   fmt::format("preset \"{}\" needs '{}' (or a 'to' of its own)", preset, missing));
  }
  found->apply(asked, filled);
  grant.preset = preset;
  if (grant.to.empty()) grant.to = std::move(filled.to);
  if (grant.env.empty()) grant.env = std::move(filled.env);
  if (!grant.file) grant.file = std::move(filled.file);
  grant.model.api = filled.model.api;
  return {};
}

std::string make_placeholder(std::string_view preset, std::string_view run_id,
                             std::string_view name) {
  constexpr Preset kNone = {"", nullptr, Needs::nothing, "berm-placeholder-", 32, false};
  const Preset* const found = find_preset(preset);
  const Preset& shape = found != nullptr ? *found : kNone;
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789abcdefghijklmnopqrstuvwxyz";
  const std::size_t base = shape.upper ? 36 : kDigits.size();
  // FNV-1a, then SplitMix64: no secret, only another one for each run and name.
  std::uint64_t state = 14695981039346656037ULL;
  for (const std::string_view part : {run_id, std::string_view("\n"), name}) {
    for (const char c : part) state = (state ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  }
  std::string out(shape.prefix);
  for (std::size_t i = 0; i < shape.length; ++i) {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    out += kDigits[static_cast<std::size_t>((z ^ (z >> 31)) % base)];
  }
  return out;
}

}  // namespace berm
