#include "host/residue/git_settings.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

#include "base/glob.h"
#include "base/text.h"
#include "sys/child.h"

namespace berm::residue {
namespace {

constexpr std::size_t kLongestUserName = 20;  // longer ones are tokens

// As workspace/git.cc, for the one sub-command that needs no repository: no hook, filter or alias
// can run, and in "/" there is none to be found.
Result<std::string> git_config(std::vector<std::string> arguments, const std::string& input) {
  Command command{.argv = {"git", "--no-pager", "config"},
                  .env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent", "LC_ALL=C",
                          "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null",
                          "GIT_TERMINAL_PROMPT=0", "GIT_CEILING_DIRECTORIES=/"},
                  .directory = "/",
                  .input = input,
                  .output_limit = 8 << 20,
                  .deadline = std::chrono::seconds(10)};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  CommandResult result = BERM_TRY(run_command(command));
  if (result.code == 0) return std::move(result.output);
  // git's own message would show the line it stumbled over.
  return failure(Errc::unsupported, fmt::format("read it with git config (exit {})", result.code));
}

// The login of the URL that starts at `text`: "user:password" of "scheme://user:password@host".
struct Login {
  std::size_t at = 0;
  std::size_t size = 0;  ///< 0: none
};
Login login_in(std::string_view text, std::size_t from) {
  const std::size_t scheme = text.find("://", from);
  if (scheme == std::string_view::npos) return {};
  const std::size_t start = scheme + 3;
  const std::size_t end = std::min(text.find_first_of("/?# \t\n", start), text.size());
  const std::size_t at = text.substr(0, end).rfind('@');
  if (at == std::string_view::npos || at <= start) return {.at = end, .size = 0};
  return {.at = start, .size = at - start};
}

bool is_credential_header(std::string_view header) {
  const std::string name = lower(header.substr(0, header.find(':')));
  return std::ranges::any_of(
      std::initializer_list<std::string_view>{"auth", "token", "cookie", "key", "secret"},
      [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

// A regular expression for values like that of `entry` that says nothing of it: other values of the
// same name stay. POSIX extended, as git-config(1) wants it.
std::string value_pattern(const GitEntry& entry) {
  if (entry.name.ends_with("extraheader")) {
    return "^[^:]*([Aa][Uu][Tt][Hh]|[Tt][Oo][Kk][Ee][Nn]|[Cc][Oo][Oo][Kk][Ii][Ee]|[Kk][Ee][Yy]|"
           "[Ss][Ee][Cc][Rr][Ee][Tt])";
  }
  if (entry.name.starts_with("credential.")) return "password=";
  if (lower(entry.name).starts_with("include")) return "/git-credentials-[^/]*[.]config$";
  return "://[^/]*@";
}

/// A directory of our own; gone with all it holds when it is dropped.
class PrivateDirectory {
 public:
  [[nodiscard]] static Result<PrivateDirectory> make() {
    // Memory first: nothing of a secret is left on a disk.
    for (const char* parent : {"/dev/shm", "/tmp"}) {
      std::string path = fmt::format("{}/berm-residue-XXXXXX", parent);
      if (::mkdtemp(path.data()) != nullptr) return PrivateDirectory(std::move(path));
    }
    return os_error("create a private directory");
  }
  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  ~PrivateDirectory() {
    if (!path_.empty()) (void)remove_tree(path_);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PrivateDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

std::string clean_url(std::string_view url) {
  const Login login = login_in(url, 0);
  std::string out(url);
  if (login.size > 0) out.erase(login.at, login.size + 1);
  return out;
}

}  // namespace

Result<std::vector<GitEntry>> list_settings(const std::string& content) {
  const std::string listed =
      BERM_TRY(git_config({"--file", "-", "--no-includes", "--null", "--list"}, content));
  std::vector<GitEntry> entries;
  for (const std::string_view record : split(listed, '\0')) {
    if (record.empty()) continue;
    const std::size_t end = std::min(record.find('\n'), record.size());
    const std::size_t value = std::min(end + 1, record.size());
    entries.push_back({std::string(record.substr(0, end)), std::string(record.substr(value))});
  }
  return entries;
}

bool has_url_login(std::string_view url) {
  const Login login = login_in(url, 0);
  const std::string_view user = url.substr(login.at, login.size);
  const std::size_t colon = user.find(':');
  if (login.size == 0) return false;
  if (colon != std::string_view::npos) return colon + 1 < user.size();
  return user.size() >= kLongestUserName;
}

std::string without_logins(std::string_view text) {
  std::string out(text);
  for (std::size_t from = 0; from < out.size();) {
    const Login login = login_in(out, from);
    if (login.at == 0) break;
    if (login.size > 0) out.replace(login.at, login.size, "***");
    from = login.at + (login.size > 0 ? 3 : 0);
  }
  return out;
}

SettingRemedy remedy_of(const GitEntry& entry) {
  const std::string_view name = entry.name;
  if (name.starts_with("http.") && name.ends_with(".extraheader")) {
    return is_credential_header(entry.value) ? SettingRemedy::unset : SettingRemedy::keep;
  }
  if (name == "http.extraheader" && is_credential_header(entry.value)) return SettingRemedy::unset;
  if (name.starts_with("credential.") && name.ends_with("helper") && entry.value.starts_with('!') &&
      entry.value.find("password=") != std::string::npos) {
    return SettingRemedy::unset;
  }
  if (!credentials_include(entry).empty()) return SettingRemedy::unset;
  if (name.starts_with("url.")) {
    const bool found = has_url_login(name.substr(4)) || has_url_login(entry.value);
    return found ? SettingRemedy::unset : SettingRemedy::keep;
  }
  const bool is_url =
      name.ends_with(".url") || name.ends_with(".pushurl") || name.ends_with("proxy");
  return is_url && has_url_login(entry.value) ? SettingRemedy::clean_url : SettingRemedy::keep;
}

std::string credentials_include(const GitEntry& entry) {
  if (!lower(entry.name).starts_with("include") || !entry.name.ends_with(".path")) return "";
  const std::size_t slash = entry.value.rfind('/');
  const std::string_view file = std::string_view(entry.value).substr(slash + 1);
  return slash != std::string::npos && component_matches("git-credentials-*.config", file)
             ? entry.value
             : "";
}

Result<std::string> without_settings(const std::string& content,
                                     const std::vector<std::string>& names) {
  const PrivateDirectory directory = BERM_TRY(PrivateDirectory::make());
  const std::string file = directory.path() + "/config";
  BERM_TRY(write_file(file, content));
  for (const GitEntry& entry : BERM_TRY(list_settings(content))) {
    const SettingRemedy remedy = remedy_of(entry);
    const bool chosen = std::ranges::find(names, entry.name) != names.end();
    if (!chosen || remedy == SettingRemedy::keep) continue;
    // A name without a login, a pattern and a clean URL are all that a process list shows.
    const std::string pattern = value_pattern(entry);
    std::vector<std::string> arguments = {"--file", file, "--unset-all", entry.name, pattern};
    if (remedy == SettingRemedy::clean_url) {
      arguments = {"--file", file, "--replace-all", entry.name, clean_url(entry.value), pattern};
    }
    // Exit 5: an earlier entry of the same name took this one along. What is left is checked below.
    [[maybe_unused]] const Result<std::string> done = git_config(std::move(arguments), "");
  }
  std::string edited = BERM_TRY(read_file(file, 4 << 20));
  for (const GitEntry& entry : BERM_TRY(list_settings(edited))) {
    if (remedy_of(entry) != SettingRemedy::keep &&
        std::ranges::find(names, entry.name) != names.end()) {
      return failure(Errc::kernel, "take the settings out with git config");
    }
  }
  return edited;
}

}  // namespace berm::residue
