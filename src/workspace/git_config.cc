#include "workspace/git_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace berm {
namespace {

class ConfigParser {
 public:
  explicit ConfigParser(std::string_view text) : text_(text) {}

  std::vector<GitSetting> parse() {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
    while (!at_end()) {
      const char c = text_[at_];
      if (c == '#' || c == ';') {
        skip_line();
      } else if (c == '\n' || c == '\r' || c == ' ' || c == '\t') {
        ++at_;
      } else if (c == '[') {
        if (!parse_section()) return std::move(settings_);
      } else if (!parse_setting()) {
        return std::move(settings_);
      }
    }
    return std::move(settings_);
  }

 private:
  [[nodiscard]] bool at_end() const { return at_ >= text_.size(); }
  void skip_line() {
    while (!at_end() && text_[at_] != '\n') ++at_;
  }
  static bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  }

  // "[section]", "[section "sub"]" or the old "[section.sub]".
  bool parse_section() {
    std::string section;
    for (++at_; !at_end() && (is_name_character(text_[at_]) || text_[at_] == '.'); ++at_) {
      section += text_[at_];
    }
    prefix_ = lower(section) + ".";
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    if (!at_end() && text_[at_] == '"') {
      std::string sub;
      for (++at_; !at_end() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
        if (at_end() || text_[at_] == '\n') return false;
        sub += text_[at_];
      }
      ++at_;
      prefix_ += sub + ".";
    }
    if (at_end() || text_[at_] != ']') return false;
    ++at_;
    return !section.empty();
  }

  bool parse_setting() {
    std::string key;
    for (; !at_end() && is_name_character(text_[at_]); ++at_) key += text_[at_];
    if (key.empty() || prefix_.empty()) return false;
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    std::string value = "true";  // "key" alone means true
    if (!at_end() && text_[at_] == '=') {
      ++at_;
      if (!parse_value(value)) return false;
    } else if (!at_end() && text_[at_] != '\n' && text_[at_] != '#' && text_[at_] != ';' &&
               text_[at_] != '\r') {
      return false;
    }
    settings_.push_back({prefix_ + lower(key), std::move(value)});
    return true;
  }

  bool parse_value(std::string& out) {
    out.clear();
    std::size_t kept = 0;  // trailing blanks outside quotes do not count
    bool quoted = false;
    while (!at_end() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
    for (; !at_end() && text_[at_] != '\n'; ++at_) {
      char c = text_[at_];
      if (c == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n') continue;
      if (!quoted && (c == '#' || c == ';')) {
        skip_line();
        break;
      }
      if (c == '"') {
        quoted = !quoted;
        kept = out.size();
        continue;
      }
      if (c == '\\' && !parse_escape(out)) return false;
      if (c != '\\') out += c;
      if (quoted || (c != ' ' && c != '\t')) kept = out.size();
    }
    out.resize(kept);
    return !quoted;
  }

  bool parse_escape(std::string& out) {
    if (++at_ >= text_.size()) return false;
    switch (text_[at_]) {
      case '\n':
        return true;  // continuation line
      case '\r':
        return at_ + 1 < text_.size() && text_[++at_] == '\n';
      case 't':
        out += '\t';
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'n':
        out += '\n';
        return true;
      case '\\':
      case '"':
        out += text_[at_];
        return true;
      default:
        return false;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string prefix_;
  std::vector<GitSetting> settings_;
};

}  // namespace

std::vector<GitSetting> parse_git_config(std::string_view text) {
  return ConfigParser(text).parse();
}

std::string without_credentials(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (url.find("::") != std::string_view::npos) return "";  // ext::, fd:: and other remote helpers
  if (scheme == std::string_view::npos)
    return std::string(url);  // scp form or path: no password possible
  const std::string_view name = url.substr(0, scheme);
  if (name != "https" && name != "http" && name != "ssh" && name != "git" && name != "file") {
    return "";
  }
  const std::size_t begin = scheme + 3;
  const std::size_t end = std::min(url.find('/', begin), url.size());
  const std::size_t at = url.substr(begin, end - begin).rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  std::string_view user = url.substr(begin, at);
  // ssh://git@host needs its user name; a password never.
  user = name == "ssh" ? user.substr(0, user.find(':')) : std::string_view();
  return fmt::format("{}://{}{}{}", name, user, user.empty() ? "" : "@",
                     url.substr(begin + at + 1));
}

bool is_safe_git_setting(const GitSetting& setting) {
  constexpr std::string_view kSafe[] = {
      "core.repositoryformatversion",
      "core.filemode",
      "core.ignorecase",
      "core.symlinks",
      "core.autocrlf",
      "core.eol",
      "core.safecrlf",
      "core.precomposeunicode",
      "core.quotepath",
      "core.sparsecheckout",
      "core.sparsecheckoutcone",
      "core.abbrev",
      "extensions.objectformat",
      "extensions.partialclone",
      "index.sparse",
      "index.version",
      "user.name",
      "user.email",
      "i18n.commitencoding",
      "pull.rebase",
      "init.defaultbranch",
      "merge.conflictstyle",
      "diff.algorithm",
      "diff.renames",
      "push.default",
      "rebase.autosquash",
      "rebase.autostash",
  };
  if (std::ranges::find(kSafe, setting.name) != std::end(kSafe)) return true;
  const std::size_t last = setting.name.rfind('.');
  const std::string_view key = std::string_view(setting.name).substr(last + 1);
  if (setting.name.starts_with("branch.")) {
    return key == "remote" || key == "merge" || key == "rebase";
  }
  if (setting.name.starts_with("remote.")) {
    return key == "fetch" || key == "promisor" || key == "partialclonefilter" ||
           (key == "url" && !without_credentials(setting.value).empty());
  }
  if (setting.name.starts_with("submodule.")) {
    return key == "active" || (key == "url" && !without_credentials(setting.value).empty());
  }
  return false;
}

std::string to_git_config(const std::vector<GitSetting>& settings) {
  std::string out;
  std::string section;
  const auto quoted = [](std::string_view text, bool value) {
    std::string quoted_text = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\') quoted_text += '\\';
      if (value && c == '\n') {
        quoted_text += "\\n";
      } else {
        quoted_text += c;
      }
    }
    return quoted_text + "\"";
  };
  for (const GitSetting& setting : settings) {
    const std::size_t first = setting.name.find('.');
    const std::size_t last = setting.name.rfind('.');
    std::string header = fmt::format("[{}]", setting.name.substr(0, first));
    if (last != first) {
      header = fmt::format("[{} {}]", setting.name.substr(0, first),
                           quoted(setting.name.substr(first + 1, last - first - 1), false));
    }
    if (header != section) out += header + "\n";
    section = header;
    out += fmt::format("\t{} = {}\n", setting.name.substr(last + 1), quoted(setting.value, true));
  }
  return out;
}

}  // namespace berm
