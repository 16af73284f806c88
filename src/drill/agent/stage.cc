#include "drill/agent/stage.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/text.h"
#include "sys/fd.h"
#include "workspace/git.h"

namespace berm::drill {
namespace {

namespace fs = std::filesystem;

Result<std::string> random_word() {
  unsigned char bytes[16];
  if (::getrandom(bytes, sizeof bytes, 0) != sizeof bytes) return os_error("draw random bytes");
  return to_hex(bytes);
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
}

Result<void> put_file(const std::string& path, const std::string& content, unsigned mode) {
  BERM_TRY(make_directories(path.substr(0, path.rfind('/')), 0755));
  (void)::unlink(path.c_str());
  return write_file(path, content, mode);
}

Result<void> put_seed(const std::string& repository, const Seed& seed) {
  const std::string path = repository + "/" + seed.path;
  if (seed.kind != Seed::Kind::link) {
    return put_file(path, seed.content, seed.kind == Seed::Kind::program ? 0755 : 0644);
  }
  BERM_TRY(make_directories(path.substr(0, path.rfind('/')), 0755));
  if (::symlink(seed.content.c_str(), path.c_str()) != 0) return os_error("link " + path);
  return {};
}

bool is_gits_own(const std::string& path) {
  for (const char* prefix : {".git/objects", ".git/refs/berm", ".git/logs"}) {
    if (path.starts_with(prefix)) return true;
  }
  return false;
}

}  // namespace

Result<Stage> Stage::make() {
  Stage stage;
  std::string pattern = "/var/tmp/berm-drill-XXXXXX";
  if (::mkdtemp(pattern.data()) == nullptr) return os_error("make a directory for the drill");
  stage.root_ = pattern;
  stage.secret_ = "drill-canary-" + BERM_TRY(random_word());
  // In parts: no scanner takes this file for one that holds a key.
  stage.key_ = std::string("sk-") + "drill-" + BERM_TRY(random_word());
  for (const char* name : {"repo", "home", "state", "cache", "outside"}) {
    BERM_TRY(make_directories(stage.at(name)));
  }
  for (const char* name : {"home/.ssh/id_rsa", "home/.aws/credentials", "home/.netrc",
                           "home/.config/gh/hosts.yml", "outside/secret.txt"}) {
    BERM_TRY(put_file(stage.at(name), stage.secret_ + "\n", 0600));
  }
  BERM_TRY(put_file(stage.at("outside/marker"), "untouched\n", 0644));
  return stage;
}

Stage::~Stage() {
  if (root_.empty()) return;
  // Runs leave directories without rights behind (overlay work directories).
  std::error_code ignored;
  for (auto it = fs::recursive_directory_iterator(
           root_, fs::directory_options::skip_permission_denied, ignored);
       !ignored && it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    if (it->is_directory(ignored) && !it->is_symlink(ignored)) {
      fs::permissions(it->path(), fs::perms::owner_all, fs::perm_options::add, ignored);
    }
  }
  (void)remove_tree(root_);
}

Scenario Stage::filled(const Scenario& scenario, int canary_port) const {
  Scenario out = scenario;
  const auto fill = [&](std::string& text) {
    replace_all(text, "%REPO%", at("repo"));
    replace_all(text, "%HOME%", at("home"));
    replace_all(text, "%OUTSIDE%", at("outside"));
    replace_all(text, "%LISTENER%", fmt::format("127.0.0.1:{}", canary_port));
  };
  for (Seed& seed : out.repository) fill(seed.content);
  for (Step& step : out.steps) {
    fill(step.text);
    if (step.kind == Step::Kind::write) step.path = at("repo") + "/" + step.path;
    std::string input = step.input.dump();
    fill(input);
    step.input = nlohmann::json::parse(input, nullptr, false);
  }
  return out;
}

Result<void> Stage::lay(const Scenario& filled) const {
  const std::string repository = at("repo");
  const GitInvocation git{.directory = repository};
  BERM_TRY(git_output(git, {"init", "-q", "-b", "main"}));
  BERM_TRY(put_seed(repository, {.path = "README.md", .content = "hello\n"}));
  BERM_TRY(
      put_seed(repository, {.path = "src/main.c", .content = "int main(void) { return 0; }\n"}));
  BERM_TRY(put_seed(repository, {.path = ".gitignore", .content = ".env\n"}));
  // What is behind berm's own rules for commands shows only without them. With an empty list of
  // hosts there is no network at all, and so no gate that could record what it refuses.
  std::string policy = "version = 1\n[tools]\non_unclear = \"report\"\n";
  if (!filled.packs) policy += "packs = [\"none\"]\n";
  if (filled.layer == Layer::egress) policy += "[network]\nallow = [\"allowed.example:443\"]\n";
  BERM_TRY(put_seed(repository, {.path = "berm.toml", .content = policy}));
  for (const Seed& seed : filled.repository) {
    if (!seed.path.starts_with(".git/")) BERM_TRY(put_seed(repository, seed));
  }
  BERM_TRY(git_output(git, {"add", "-A"}));
  BERM_TRY(git_output(git, {"-c", "user.name=drill", "-c", "user.email=drill@example.com", "commit",
                            "-q", "-m", "initial"}));
  for (const Seed& seed : filled.repository) {
    if (seed.path.starts_with(".git/")) BERM_TRY(put_seed(repository, seed));
  }
  return put_seed(repository, {.path = ".env", .content = "TOKEN=" + secret_ + "\n"});
}

Snapshot snapshot_of(const std::string& directory) {
  Snapshot out;
  std::error_code failed;
  for (auto it = fs::recursive_directory_iterator(directory, failed);
       !failed && it != fs::recursive_directory_iterator(); it.increment(failed)) {
    const std::string name = it->path().string().substr(directory.size() + 1);
    if (is_gits_own(name)) continue;
    struct stat status {};
    if (::lstat(it->path().c_str(), &status) != 0) continue;
    std::string is = fmt::format("{:o} ", status.st_mode);
    if (S_ISLNK(status.st_mode)) is += fs::read_symlink(it->path(), failed).string();
    if (S_ISREG(status.st_mode)) is += read_plain_file(it->path()).value_or("unreadable");
    out[name] = std::move(is);
  }
  if (failed) out["?"] = failed.message();
  return out;
}

}  // namespace berm::drill
