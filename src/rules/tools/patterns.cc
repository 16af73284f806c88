#include "rules/tools/patterns.h"

#include <algorithm>

#include "base/text.h"

namespace berm {

bool wildcard_matches(std::string_view pattern, std::string_view text) {
  // Only the last '*' needs to be remembered: an earlier one has matched as little as it could.
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_t = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      star_t = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_t;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

std::string line_of(const std::vector<ShellWord>& words) {
  std::string out;
  for (const ShellWord& word : words) {
    if (!out.empty()) out += ' ';
    out += word.text;
  }
  return out;
}

std::string normal_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

CommandLines lines_of(const SimpleCommand& command) {
  CommandLines out{.written = line_of(command.words), .others = {}};
  if (command.words.empty()) return out;
  const std::string& program = command.words.front().text;
  std::string line = out.written.substr(program.size());
  line.insert(0, program.substr(program.rfind('/') + 1));
  if (line != out.written) out.others.push_back(line);
  for (auto wrapper = command.wrappers.rbegin(); wrapper != command.wrappers.rend(); ++wrapper) {
    line = *wrapper + " " + line;
    out.others.push_back(line);
  }
  // With the wrappers' own arguments too: "sudo -u root rm x".
  if (!command.source.empty()) out.others.push_back(normal_text(command.source));
  return out;
}

CommandPattern::CommandPattern(std::string_view specifier) {
  const std::string text = normal_text(specifier);
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(" | ", at), text.size());
    Stage stage{.text = text.substr(at, end - at), .prefix = false};
    // "npm run *" and the older "npm run:*": with or without more words, but never "npm runx".
    if (stage.text.ends_with(":*") || stage.text.ends_with(" *")) {
      stage.text.resize(stage.text.size() - 2);
      stage.prefix = true;
    }
    stages_.push_back(std::move(stage));
    at = end + 3;
  }
  const std::string& first = stages_.front().text;
  const std::string word = first.substr(0, first.find(' '));
  if (word.find('*') == std::string::npos) program_ = program_name(word);
}

bool CommandPattern::is_exact() const {
  return std::ranges::none_of(stages_, [](const Stage& stage) {
    return stage.prefix || stage.text.find('*') != std::string::npos;
  });
}

bool CommandPattern::stage_matches(const Stage& stage, std::string_view line) {
  if (!stage.prefix) return wildcard_matches(stage.text, line);
  if (wildcard_matches(stage.text, line)) return true;
  return wildcard_matches(stage.text + " *", line);
}

bool CommandPattern::stage_matches_any(const Stage& stage, const CommandLines& lines) {
  return stage_matches(stage, lines.written) ||
         std::ranges::any_of(lines.others,
                             [&](const std::string& line) { return stage_matches(stage, line); });
}

bool CommandPattern::matches(std::string_view line) const {
  return stages_.size() == 1 && stage_matches(stages_.front(), line);
}

bool CommandPattern::matches_any(const CommandLines& lines) const {
  return stages_.size() == 1 && stage_matches_any(stages_.front(), lines);
}

const SimpleCommand* CommandPattern::find_pipeline(std::span<const SimpleCommand> commands,
                                                   std::span<const CommandLines> lines) const {
  for (std::size_t first = 0; first < commands.size(); ++first) {
    if (!stage_matches_any(stages_.front(), lines[first])) continue;
    std::size_t wanted = 1;
    std::uint32_t behind = commands[first].stage;
    const SimpleCommand* last = &commands[first];
    for (std::size_t i = 0; i < commands.size() && wanted < stages_.size(); ++i) {
      if (commands[i].pipeline != commands[first].pipeline || commands[i].stage <= behind) continue;
      if (!stage_matches_any(stages_[wanted], lines[i])) continue;
      behind = commands[i].stage;
      last = &commands[i];
      ++wanted;
    }
    if (wanted == stages_.size()) return last;
  }
  return nullptr;
}

PathPattern::PathPattern(std::string_view specifier, const ToolContext& context)
    : root_(context.workspace) {
  std::string_view rest = specifier;
  if (rest.starts_with("//")) {
    root_ = "/";
    anchored_ = true;
  } else if (rest == "~" || rest.starts_with("~/")) {
    root_ = context.home;
    rest.remove_prefix(1);
    anchored_ = true;
  } else if (rest.starts_with('/') || rest.starts_with("./")) {
    anchored_ = true;
    if (rest.front() == '.') rest.remove_prefix(1);
  }
  while (rest.starts_with('/')) rest.remove_prefix(1);
  root_itself_ = rest.empty() || rest == ".";
  if (root_itself_) return;
  // Glob takes a pattern without '/' at any depth; an anchored one gets a component in front.
  Result<Glob> glob = Glob::parse(anchored_ ? "root/" + std::string(rest) : std::string(rest));
  if (glob) glob_ = *std::move(glob);
  const std::string_view name = rest.substr(rest.rfind('/') + 1);
  if (name.find_first_of("*?[\\") == std::string_view::npos) literal_name_ = name;
}

bool PathPattern::matches(std::string_view path) const {
  if (!is_within(path, root_)) return false;
  if (root_itself_) return true;
  path.remove_prefix(std::min(path.size(), root_ == "/" ? 1 : root_.size() + 1));
  if (!glob_ || path.empty()) return false;
  return anchored_ ? glob_->covers("root/" + std::string(path)) : glob_->covers(path);
}

bool PathPattern::may_match(const FileUse& use) const {
  if (matches(use.path)) return true;
  // `rm -r migrations` is about "migrations/**" too.
  if (use.tree && matches(use.path + "/any")) return true;
  if (!use.glob || literal_name_.empty()) return false;
  // `cat .e*` could be ".env": the shell's pattern stands for the name that the rule speaks of.
  const std::size_t at = use.path.rfind('/');
  if (!component_matches(std::string_view(use.path).substr(at + 1), literal_name_)) return false;
  return matches(use.path.substr(0, at + 1) + literal_name_);
}

UrlPattern::UrlPattern(std::string_view specifier) {
  if (specifier.starts_with("domain:")) {
    domain_ = lower(specifier.substr(7));
  } else {
    address_ = specifier;
  }
}

bool UrlPattern::matches(std::string_view url) const {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return !address_.empty() && wildcard_matches(address_, url);
  const std::size_t begin = scheme + 3;
  // '\' ends the host for browsers and not for RFC 3986: the shorter reading is the one fetched.
  const std::size_t end = std::min(url.find_first_of("/?#\\", begin), url.size());
  std::string host = lower(url.substr(begin, end - begin));
  host.erase(0, host.rfind('@') + 1);
  if (!address_.empty()) {
    const std::string whole = lower(url.substr(0, begin)) + host + std::string(url.substr(end));
    return wildcard_matches(address_, whole) || wildcard_matches(address_, whole + "/");
  }
  const std::size_t port = host.rfind(':');
  if (port != std::string::npos && host.find(']', port) == std::string::npos) host.resize(port);
  while (host.ends_with('.')) host.pop_back();
  if (domain_ == "*") return true;
  if (!domain_.starts_with("*.")) return host == domain_;
  return host.size() > domain_.size() - 1 && host.ends_with(std::string_view(domain_).substr(1));
}

}  // namespace berm
