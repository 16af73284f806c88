#include "host/residue.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <set>

#include "base/glob.h"
#include "base/text.h"
#include "host/residue/classes.h"
#include "host/residue/docker.h"
#include "host/residue/git_settings.h"
#include "host/residue/look.h"
#include "sys/beneath.h"

namespace berm {
namespace residue {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::size_t kMaxMatches = 1'000;

/// One of the three places, held open.
struct Root {
  std::string path;
  UniqueFd fd;
  Look look;
};

class Finder {
 public:
  Finder(const ResidueSearch& search, ResidueReport& report) : search_(search), report_(report) {
    open(Place::home, search.home);
    open(Place::tmp, search.tmp);
    open(Place::workspace, search.workspace);
    const auto work = roots_.find(Place::workspace);
    if (work == roots_.end()) return;
    const auto git = look_at(work->second.fd.get(), ".git");
    if (git && git->is_file()) {
      say(search.workspace + "/.git", "a linked working tree: its repository lies elsewhere");
    }
  }

  void find(const ResidueClass& row) {
    const auto root = roots_.find(row.place);
    if (root == roots_.end()) return;
    std::vector<std::string> matches;
    expand(root->second, "", row.pattern, matches);
    for (const std::string& relative : matches) look(row, root->second, relative);
  }

 private:
  void open(Place place, const std::string& path) {
    if (path.empty()) return;
    auto fd = open_file(path, O_PATH | O_DIRECTORY);
    if (!fd) return note(path, fd.error());
    auto look = look_at(fd->get(), "");
    if (!look) return note(path, look.error());
    roots_.emplace(place, Root{.path = path, .fd = std::move(*fd), .look = *look});
  }

  void note(std::string_view path, const Error& error) {
    // What is not there needs no word.
    if (error.os_errno == ENOENT || error.os_errno == ENOTDIR) return;
    say(path, error.os_errno == ELOOP ? "a link" : printable(sentence(error)));
  }

  // A link on the way looks like a missing directory (O_PATH on a link is ENOTDIR): say it, because
  // what it leads to may well be residue.
  void miss(const Root& root, const std::string& relative, const Error& error) {
    for (std::string above = relative; !above.empty(); above = parent_of(above)) {
      const auto found = look_at(root.fd.get(), above);
      if (found && found->identity.type == S_IFLNK) return say(root.path + "/" + above, "a link");
    }
    note(root.path + "/" + relative, error);
  }

  void say(std::string_view path, std::string_view why) {
    std::string text = fmt::format("{}: {}", printable(path), why);
    if (notes_.insert(text).second) report_.not_looked_at.push_back(std::move(text));
  }

  // Names below `above` that `pattern` matches, component by component.
  void expand(const Root& root, const std::string& above, std::string_view pattern,
              std::vector<std::string>& matches) {
    const std::size_t slash = pattern.find('/');
    const std::string part(pattern.substr(0, slash));
    const auto step = [&](const std::string& name) {
      const std::string below = above.empty() ? name : above + "/" + name;
      if (slash != std::string_view::npos) {
        expand(root, below, pattern.substr(slash + 1), matches);
      } else if (matches.size() < kMaxMatches) {
        matches.push_back(below);
      }
    };
    if (part.find('*') == std::string::npos) return step(part);
    const std::string path = above.empty() ? root.path : root.path + "/" + above;
    const auto directory = open_beneath(root.fd.get(), above, O_RDONLY | O_DIRECTORY);
    if (!directory) return miss(root, above, directory.error());
    const auto names = names_in(directory->get());
    if (!names) return note(path, names.error());
    for (const std::string& name : *names) {
      if (component_matches(part, name)) step(name);
    }
  }

  void look(const ResidueClass& row, const Root& root, const std::string& relative) {
    const std::string path = root.path + "/" + relative;
    const auto found = look_at(root.fd.get(), relative);
    if (!found) return miss(root, relative, found.error());
    const bool tree = row.shape == Shape::tree;
    const bool fits = row.shape == Shape::socket
                          ? found->is_socket()
                          : found->is_file() || (tree && found->is_directory());
    if (found->identity.type == S_IFLNK) return say(path, "a link");
    if (!fits) return;
    Residue residue{.path = path,
                    .kind = std::string(row.kind),
                    .what = std::string(row.what),
                    .how = std::string(row.how),
                    .remedy = row.remedy,
                    .root = root.path,
                    .relative = relative,
                    .identity = found->identity};
    if (is_strange(root, *found, residue)) {
      const bool by_name = tree || (row.shape == Shape::file && row.holds == nullptr);
      return by_name ? add(residue) : say(path, residue.how);
    }
    switch (row.shape) {
      case Shape::tree:
        return take_tree(row, root, *found, residue);
      case Shape::socket:
        if (!is_served(root.fd.get(), relative)) add(residue);
        return;
      case Shape::file:
        return take_file(row, root, *found, residue);
      case Shape::history:
        return take_history(root, *found, residue);
      case Shape::git_config:
        return take_settings(root, *found, residue);
    }
  }

  // Somebody else's, or on another mount: it is told and left alone, unread.
  bool is_strange(const Root& root, const Look& found, Residue& residue) {
    residue.size = found.is_file() ? found.size : 0;
    set_age(residue, found.identity.mtime);
    if (found.identity.uid != ::geteuid()) {
      residue.how = fmt::format("it belongs to user {}, who should remove it", found.identity.uid);
    } else if (found.identity.device != root.look.identity.device ||
               found.identity.mount != root.look.identity.mount) {
      residue.how = "it is a mount of its own: remove it where it comes from";
    } else {
      return false;
    }
    residue.remedy = Remedy::by_hand;
    return true;
  }

  void set_age(Residue& residue, std::int64_t mtime) const {
    const std::int64_t seconds = search_.now.time_since_epoch().count() - mtime / 1'000'000'000;
    residue.age_days = std::max<std::int64_t>(seconds, 0) / kDay;
  }

  void take_tree(const ResidueClass& row, const Root& root, const Look& found, Residue& residue) {
    const Tree tree = measure_tree(root.fd.get(), residue.relative, found);
    residue.size = tree.size;
    set_age(residue, tree.newest);
    if (!tree.obstacle.empty()) {
      residue.remedy = Remedy::by_hand;
      residue.how = fmt::format("{}; {}", row.how, tree.obstacle);
    } else if (residue.remedy == Remedy::automatic && residue.age_days < row.quiet_days) {
      residue.remedy = Remedy::on_request;
      residue.how = fmt::format("{}; it may be in use: it changed within a day", row.how);
    }
    add(residue);
  }

  void take_file(const ResidueClass& row, const Root& root, const Look& found, Residue& residue) {
    if (row.holds != nullptr) {
      const auto content = read_content(root.fd.get(), residue.relative, found);
      if (!content) return note(residue.path, content.error());
      if (!row.holds(*content)) return;
    }
    add(residue);
  }

  void take_history(const Root& root, const Look& found, Residue& residue) {
    if (!search_.credential_in) return;
    const auto content = read_content(root.fd.get(), residue.relative, found, End::last);
    if (!content) return note(residue.path, content.error());
    std::set<std::string> kinds;
    std::size_t lines = 0;
    for (const std::string_view line : split(*content, '\n')) {
      const std::string_view kind = search_.credential_in(line);
      if (kind.empty()) continue;
      kinds.insert(printable(kind));
      ++lines;
    }
    if (lines == 0) return;
    residue.what = fmt::format("{}: {} line{} ({})", residue.what, lines, lines == 1 ? "" : "s",
                               fmt::join(kinds, ", "));
    add(residue);
  }

  void take_settings(const Root& root, const Look& found, Residue residue) {
    const auto content = read_content(root.fd.get(), residue.relative, found);
    if (!content) return note(residue.path, content.error());
    const auto entries = list_settings(*content);
    if (!entries) return note(residue.path, entries.error());
    std::map<std::string, std::size_t> counts;
    for (const GitEntry& entry : *entries) ++counts[entry.name];
    std::set<std::string> ours;
    std::set<std::string> by_hand;
    for (const GitEntry& entry : *entries) {
      const SettingRemedy remedy = remedy_of(entry);
      if (remedy == SettingRemedy::keep) continue;
      // A name with a login in it would be on git's command line for all to read; of several URLs
      // git would make one.
      const bool unfit = has_url_login(entry.name) || found.size > kMaxContent ||
                         (remedy == SettingRemedy::clean_url && counts[entry.name] > 1);
      (unfit ? by_hand : ours).insert(unfit ? without_logins(entry.name) : entry.name);
      take_included(entry, residue);
    }
    add_settings(residue, ours);
    residue.remedy = Remedy::by_hand;
    residue.how = "run git config --file FILE --edit and take them out";
    add_settings(residue, by_hand);
  }

  void add_settings(Residue residue, const std::set<std::string>& names) {
    if (names.empty()) return;
    residue.what =
        fmt::format("{}: {}", residue.what, printable(fmt::format("{}", fmt::join(names, ", "))));
    residue.settings.assign(names.begin(), names.end());
    add(residue);
  }

  // actions/checkout keeps the header in a file of the runner's and includes it.
  void take_included(const GitEntry& entry, const Residue& from) {
    const std::string path = credentials_include(entry);
    if (path.empty()) return;
    for (const auto& [place, root] : roots_) {
      if (!path.starts_with(root.path + "/")) continue;
      const std::string relative = path.substr(root.path.size() + 1);
      const auto found = look_at(root.fd.get(), relative);
      if (!found || !found->is_file() || !included_.insert(path).second) return;
      Residue residue{.path = path,
                      .kind = "git-credentials-file",
                      .what = "git's credentials that actions/checkout left",
                      .how = "delete it",
                      .remedy = from.remedy,
                      .root = root.path,
                      .relative = relative,
                      .identity = found->identity};
      const auto content = read_content(root.fd.get(), relative, *found);
      const auto entries = content ? list_settings(*content) : tl::unexpected(content.error());
      // The name came out of a file that an agent may have written.
      const bool holds = entries && std::ranges::any_of(*entries, [](const GitEntry& each) {
                           return remedy_of(each) == SettingRemedy::unset;
                         });
      if (is_strange(root, *found, residue) || holds) add(residue);
      return;
    }
  }

  void add(const Residue& residue) { report_.found.push_back(residue); }

  const ResidueSearch& search_;
  ResidueReport& report_;
  std::map<Place, Root> roots_;
  std::set<std::string> notes_;
  std::set<std::string> included_;
};

}  // namespace
}  // namespace residue

std::string_view name_of(Remedy remedy) {
  switch (remedy) {
    case Remedy::automatic:
      return "automatic";
    case Remedy::on_request:
      return "on_request";
    case Remedy::by_hand:
      return "by_hand";
  }
  return "";
}

ResidueReport find_residue(const ResidueSearch& search) {
  ResidueReport report;
  residue::Finder finder(search, report);
  for (const residue::ResidueClass& row : residue::residue_classes()) finder.find(row);
  if (search.credential_in) {
    residue::find_in_docker(search, report);
  } else {
    report.not_looked_at.emplace_back("shell histories and docker images: no detector was given");
  }
  return report;
}

}  // namespace berm
