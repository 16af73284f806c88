#include "workspace/hidden.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <set>

#include "base/text.h"
#include "sys/beneath.h"
#include "sys/fd.h"

namespace berm {
namespace {

// Names that hide at any depth, sorted by how they can be compared. A walk asks millions of times.
class NameMatcher {
 public:
  explicit NameMatcher(const std::vector<Glob>& patterns) {
    for (const Glob& glob : patterns) {
      const std::string& text = glob.str();
      const bool special = text.find_first_of("?[\\") != std::string::npos;
      const auto stars = std::ranges::count(text, '*');
      if (text.find('/') != std::string::npos || special || stars > 1) {
        general_.push_back(&glob);
      } else if (stars == 0) {
        exact_.push_back(text);
      } else if (text.front() == '*') {
        suffixes_.push_back(text.substr(1));
      } else if (text.back() == '*') {
        prefixes_.push_back(text.substr(0, text.size() - 1));
      } else {
        general_.push_back(&glob);
      }
    }
  }

  // The pattern that hides, or "".
  [[nodiscard]] std::string match(std::string_view name, std::string_view path) const {
    for (const std::string& exact : exact_) {
      if (name == exact) return exact;
    }
    for (const std::string& suffix : suffixes_) {
      if (name.ends_with(suffix)) return "*" + suffix;
    }
    for (const std::string& prefix : prefixes_) {
      if (name.starts_with(prefix)) return prefix + "*";
    }
    for (const Glob* glob : general_) {
      if (glob->matches(path)) return glob->str();
    }
    return {};
  }

 private:
  std::vector<std::string> exact_;
  std::vector<std::string> suffixes_;
  std::vector<std::string> prefixes_;
  std::vector<const Glob*> general_;
};

struct CloseDirectory {
  void operator()(DIR* stream) const { ::closedir(stream); }
};

// Returns true if something below `directory` is hidden.
Result<bool> walk_hidden(int directory, std::string& path, const NameMatcher& matcher,
                         RepositoryFacts& facts) {
  UniqueFd fd(::openat(directory, path.empty() ? "." : last_component(path).c_str(),
                       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  // Unreadable for us is unreadable for the agent, which has our rights at most.
  if (!fd) {
    return errno == EACCES ? Result<bool>(false)
                           : os_error(fmt::format("read directory '{}'", path));
  }
  const int number = fd.get();
  const std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(fd.release()));
  if (!stream) return os_error(fmt::format("read directory '{}'", path));
  bool any = false;
  const std::size_t length = path.size();
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (length == 0 && name == ".git")) continue;
    if (length != 0) path += '/';
    path += name;
    const std::string pattern = matcher.match(name, path);
    if (!pattern.empty()) {
      struct stat status {};
      const bool is_dir = entry->d_type == DT_DIR ||
                          (entry->d_type == DT_UNKNOWN &&
                           ::fstatat(number, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISDIR(status.st_mode));
      const bool is_link =
          entry->d_type == DT_LNK || (entry->d_type == DT_UNKNOWN && S_ISLNK(status.st_mode));
      facts.hidden.push_back(
          {.path = path, .pattern = pattern, .directory = is_dir, .link = is_link});
      any = true;
    } else if (name == ".git") {
      // A repository in the repository: its files are the agent's to see, its configuration and
      // hooks are not.
      struct stat status {};
      const bool is_dir = ::fstatat(number, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                          S_ISDIR(status.st_mode);
      if (is_dir) facts.nested_git.push_back(path);
    } else if (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) {
      struct stat status {};
      const bool is_dir = entry->d_type == DT_DIR ||
                          (::fstatat(number, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                           S_ISDIR(status.st_mode));
      if (is_dir && BERM_TRY(walk_hidden(number, path, matcher, facts))) any = true;
    }
    path.resize(length);
  }
  if (any && length != 0) {
    struct stat status {};
    if (::fstat(number, &status) != 0) return os_error(fmt::format("look at '{}'", path));
    facts.hidden_parents.push_back({path, status.st_mode & 07777});
  }
  return any;
}

// Paths stand in the index as they are (but in version 4, where a prefix may be shared).
bool names_hidden(const std::string& index, const std::vector<HiddenPath>& hidden) {
  return std::ranges::any_of(
      hidden, [&](const HiddenPath& path) { return index.find(path.path) != std::string::npos; });
}

}  // namespace

Result<void> find_hidden(RepositoryFacts& facts, const std::vector<Glob>& patterns) {
  const NameMatcher matcher(patterns);
  const UniqueFd root = BERM_TRY(open_file(facts.root.str(), O_RDONLY | O_DIRECTORY));
  std::string path;
  path.reserve(4096);
  BERM_TRY(walk_hidden(root.get(), path, matcher, facts));
  std::ranges::sort(facts.hidden);
  if (!facts.hidden.empty()) {
    const Result<std::string> index = read_plain_file(facts.git_dir.str() + "/index", 1ULL << 30);
    facts.hidden_in_history = index && names_hidden(*index, facts.hidden);
  }
  std::ranges::sort(facts.hidden_parents);  // "a" sorts before "a/b": parents first
  return {};
}

void find_hidden_in(RepositoryFacts& facts, const std::vector<std::string_view>& paths,
                    const std::vector<Glob>& patterns) {
  const NameMatcher matcher(patterns);
  std::set<HiddenPath> hidden;
  std::set<std::string> parents;
  for (const std::string_view path : paths) {
    // Each directory on the way is asked too: a hidden one hides all below it.
    for (std::size_t end = path.find('/');; end = path.find('/', end + 1)) {
      const std::string prefix(path.substr(0, end));
      const std::string pattern = matcher.match(last_component(prefix), prefix);
      if (!pattern.empty()) {
        hidden.insert(
            {.path = prefix, .pattern = pattern, .directory = end != std::string_view::npos});
        for (std::string parent = parent_of(prefix); !parent.empty(); parent = parent_of(parent)) {
          parents.insert(parent);
        }
        break;
      }
      if (end == std::string_view::npos) break;
    }
  }
  facts.hidden.assign(hidden.begin(), hidden.end());
  facts.hidden_parents.clear();
  for (const std::string& parent : parents) facts.hidden_parents.push_back({parent, 0755});
  facts.hidden_in_history = !facts.hidden.empty();
}

}  // namespace berm
