#include <fmt/format.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "policy/parse.h"
#include "sys/fd.h"
#include "workspace/repository.h"

namespace berm {
namespace {

struct Language {
  const char* marker;
  const char* name;
  const char* hosts;
};
constexpr Language kLanguages[] = {
    {"package.json", "JavaScript", "registry of your npm configuration"},
    {"Cargo.toml", "Rust", "registry of your cargo configuration"},
    {"pyproject.toml", "Python", "index of your pip configuration"},
    {"go.mod", "Go", "module proxy of your go configuration"},
    {"CMakeLists.txt", "C or C++", ""},
    {"pom.xml", "Java", "repository of your maven settings"},
};

std::string policy_for(const std::string& root) {
  std::string languages;
  for (const Language& language : kLanguages) {
    if (exists(root + "/" + language.marker)) {
      languages += fmt::format("# found: {} ({})\n", language.name, language.marker);
    }
  }
  return fmt::format(
      R"(# berm.toml: what a coding agent may see, change and reach in this repository.
# It counts from the commit it is in (HEAD, in CI the base branch), never from the working tree.
{}version = 1

[workspace]
# write = ["src/**", "tests/**"]   # default: everything; what is outside is refused by the guard
# hide  = ["secrets/**"]           # absent inside; credential files are hidden already

[changes]
max_files = 200
max_size  = "8MiB"

[network]
allow = []                         # names, e.g. "api.example.com", or bundles, e.g. "@node"; empty
                                   # grants nothing. berm run --learn proposes what a run needs

[env]
pass = []                          # variables by name; nothing else comes in

[limits]
memory = "4GiB"
cpus = 2.0
processes = 512
time = "30m"
)",
      languages);
}

int init(bool to_stdout) {
  char here[4096];
  if (::getcwd(here, sizeof here) == nullptr) {
    return fail(os_error("find the current directory").value());
  }
  const Result<RepositoryFacts> repository = find_repository(here, ::geteuid());
  if (!repository) return fail(repository.error());
  const std::string text = policy_for(repository->root.str());
  if (const Result<PolicyLayer> parsed = parse_policy(text, "berm.toml"); !parsed) {
    return fail(parsed.error());
  }
  if (to_stdout) {
    put(text);
    return kDone;
  }
  const std::string path = repository->root.str() + "/berm.toml";
  if (exists(path)) {
    return fail(Error{.code = Errc::usage,
                      .what = fmt::format("'{}' exists; nothing was written", path),
                      .fix = "berm init --stdout prints what would be written"});
  }
  if (const Result<void> written = replace_file(path, text, 0644); !written) {
    return fail(written.error());
  }
  put(fmt::format("wrote {}; commit it, then: berm plan claude\n", printable(path)));
  return kDone;
}

}  // namespace

void add_init(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("init", "write a commented berm.toml for this repository");
  command->footer(
      "Examples:\n  berm init\n  berm init --stdout\n  berm init && git add berm.toml && git "
      "commit -m \"add berm policy\"");
  auto to_stdout = std::make_shared<bool>(false);
  command->add_flag("--stdout", *to_stdout, "print it instead of writing it");
  command->callback([=, &action] { action = [=] { return init(*to_stdout); }; });
}

}  // namespace berm
