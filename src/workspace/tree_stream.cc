#include "workspace/tree_stream.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/text.h"
#include "sys/beneath.h"
#include "workspace/file_state.h"

namespace berm {
namespace {

using nlohmann::json;

constexpr std::size_t kMostHeader = 16 << 10;  // a path of 4096 bytes is 8192 digits
constexpr std::size_t kMostPath = 4095;
constexpr std::size_t kMostDepth = 256;
constexpr std::size_t kPiece = 64 << 10;

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string joined(const std::string& directory, const std::string& name) {
  return directory.empty() ? name : directory + "/" + name;
}

tl::unexpected<Error> broken(std::string why) {
  return failure(Errc::denied, "read a tree: " + std::move(why));
}

}  // namespace

Result<void> TreeWriter::put(const json& header) {
  const std::string text = header.dump();
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string bytes;
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(size >> shift & 0xff);
  ++entries_;
  return write_all(to_, bytes + text);
}

Result<void> TreeWriter::put_file(int parent, const std::string& name, const std::string& as) {
  const UniqueFd file = BERM_TRY(open_own(parent, name, Unlock::yes));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return os_error("look at a file of the tree");
  const auto size = static_cast<std::uint64_t>(status.st_size);
  BERM_TRY(put({{"type", "file"},
                {"path", hex(as)},
                {"mode", status.st_mode & 07777},
                {"mtime", {status.st_mtim.tv_sec, status.st_mtim.tv_nsec}},
                {"size", size}}));
  std::array<char, kPiece> piece;
  for (std::uint64_t left = size; left > 0;) {
    const ssize_t got = ::read(file.get(), piece.data(), std::min<std::uint64_t>(left, kPiece));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(fmt::format("read '{}'", printable(as)));
    // It became shorter meanwhile, and its length is told already.
    const std::size_t have = got > 0
                                 ? static_cast<std::size_t>(got)
                                 : static_cast<std::size_t>(std::min<std::uint64_t>(left, kPiece));
    if (got == 0) piece.fill(0);
    BERM_TRY(write_all(to_, {piece.data(), have}));
    left -= have;
  }
  return {};
}

Result<void> TreeWriter::add(int directory, const std::string& path, const std::string& as) {
  const Found found = BERM_TRY(stat_beneath(directory, path));
  if (!found.found) return put({{"type", "gone"}, {"path", hex(as)}});
  const mode_t mode = found.status.st_mode;
  if (S_ISREG(mode)) {
    const UniqueFd parent =
        BERM_TRY(open_beneath(directory, parent_of(path), O_RDONLY | O_DIRECTORY));
    return put_file(parent.get(), last_component(path), as);
  }
  if (S_ISDIR(mode)) return put({{"type", "dir"}, {"path", hex(as)}, {"mode", mode & 07777}});
  if (!S_ISLNK(mode)) return put({{"type", "special"}, {"path", hex(as)}});
  const std::string target = BERM_TRY(read_link_beneath(directory, path));
  return put({{"type", "link"}, {"path", hex(as)}, {"target", hex(target)}});
}

Result<void> TreeWriter::put_below(int directory, const std::string& path, const std::string& as,
                                   const std::function<bool(const std::string&)>& skip) {
  for (const Entry& entry : BERM_TRY(list_directory(directory))) {
    const std::string full = joined(path, entry.name);
    if (skip && skip(full)) continue;
    struct stat status {};
    if (::fstatat(directory, entry.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const bool holds =
        S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISLNK(status.st_mode);
    if (!holds) continue;
    BERM_TRY(add(directory, entry.name, joined(as, full)));
    if (!S_ISDIR(status.st_mode)) continue;
    const UniqueFd below = BERM_TRY(open_own_directory(directory, entry.name));
    BERM_TRY(put_below(below.get(), full, as, skip));
  }
  return {};
}

Result<void> TreeWriter::add_tree(int directory, const std::string& as,
                                  const std::function<bool(const std::string&)>& skip) {
  struct stat status {};
  if (::fstat(directory, &status) != 0) return os_error("look at a tree");
  BERM_TRY(put({{"type", "dir"}, {"path", hex(as)}, {"mode", status.st_mode & 07777}}));
  return put_below(directory, "", as, skip);
}

Result<void> TreeWriter::end() { return put({{"end", entries_}}); }

namespace {

// One tree on its way in.
class TreeReader {
 public:
  TreeReader(int from, int directory, const TreeLimits& limits)
      : from_(from), directory_(directory), limits_(limits) {}
  Result<void> read();

 private:
  Result<std::size_t> some(char* bytes, std::size_t size);
  Result<void> exactly(char* bytes, std::size_t size);
  Result<json> header();
  Result<std::string> path_in(const json& entry) const;
  Result<void> take(const json& entry);
  Result<void> take_file(const json& entry, int parent, const std::string& name);
  Result<void> take_directory(const json& entry, int parent, const std::string& path);
  Result<void> content(int file, std::uint64_t size);

  int from_;
  int directory_;
  const TreeLimits& limits_;
  std::uint64_t entries_ = 0;
  std::uint64_t bytes_ = 0;
  /// Set at the end: one that its owner may not write takes no files.
  std::vector<std::pair<std::string, mode_t>> modes_;
};

Result<std::size_t> TreeReader::some(char* bytes, std::size_t size) {
  for (;;) {
    const ssize_t got = ::read(from_, bytes, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return os_error("read a tree");
  }
}

Result<void> TreeReader::exactly(char* bytes, std::size_t size) {
  for (std::size_t at = 0; at < size;) {
    const std::size_t got = BERM_TRY(some(bytes + at, size - at));
    if (got == 0) return broken("it is cut short");
    at += got;
  }
  return {};
}

Result<json> TreeReader::header() {
  std::array<unsigned char, 4> length{};
  BERM_TRY(exactly(reinterpret_cast<char*>(length.data()), length.size()));
  std::size_t size = 0;
  for (std::size_t i = 0; i < length.size(); ++i) size |= std::size_t{length[i]} << (8 * i);
  if (size > kMostHeader) return broken("a header is too long");
  std::string text(size, '\0');
  BERM_TRY(exactly(text.data(), size));
  json out = json::parse(text, nullptr, false);
  if (!out.is_object()) return broken("a header is no object");
  return out;
}

std::optional<std::uint64_t> number_in(const json& entry, const char* key) {
  if (!entry.contains(key) || !entry[key].is_number_unsigned()) return std::nullopt;
  return entry[key].get<std::uint64_t>();
}

std::optional<std::string> bytes_in(const json& entry, const char* key) {
  if (!entry.contains(key) || !entry[key].is_string()) return std::nullopt;
  const auto text = entry[key].get<std::string>();
  if (text.size() % 2 != 0 || text.size() > 2 * kMostPath || !is_hex(text)) return std::nullopt;
  std::string out = from_hex(text);
  if (out.empty() || out.find('\0') != std::string::npos) return std::nullopt;
  return out;
}

Result<std::string> TreeReader::path_in(const json& entry) const {
  std::optional<std::string> path = bytes_in(entry, "path");
  if (!path) return broken("an entry has no path");
  const std::vector<std::string_view> parts = split(*path, '/');
  const bool plain = std::ranges::none_of(parts, [](std::string_view part) {
    return part.empty() || part == "." || part == ".." || part.size() > 255;
  });
  const bool known = std::ranges::any_of(
      limits_.roots, [&](const std::string& root) { return parts.front() == root; });
  if (!plain || !known || parts.size() > kMostDepth) {
    return broken(fmt::format("the path '{}' leads out of it", printable(*path)));
  }
  return *std::move(path);
}

Result<void> TreeReader::content(int file, std::uint64_t size) {
  bytes_ += size;
  if (size > limits_.bytes || bytes_ > limits_.bytes) return broken("its files are too large");
  std::array<char, kPiece> piece;
  while (size > 0) {
    const std::size_t got = BERM_TRY(some(piece.data(), std::min<std::uint64_t>(size, kPiece)));
    if (got == 0) return broken("it is cut short");
    BERM_TRY(write_all(file, {piece.data(), got}));
    size -= got;
  }
  return {};
}

Result<void> TreeReader::take_file(const json& entry, int parent, const std::string& name) {
  const std::optional<std::uint64_t> size = number_in(entry, "size");
  const std::optional<std::uint64_t> mode = number_in(entry, "mode");
  if (!size || !mode || (*mode & ~std::uint64_t{0777}) != 0) {
    return broken("a file has no size, or a mode that none may have");
  }
  BERM_TRY(remove_beneath(parent, name));
  const UniqueFd file = BERM_TRY(open_beneath(parent, name, O_WRONLY | O_CREAT | O_EXCL, 0600));
  BERM_TRY(content(file.get(), *size));
  if (::fchmod(file.get(), static_cast<mode_t>(*mode)) != 0) return os_error("set a file's mode");
  const json& time = entry.value("mtime", json::array());
  const bool dated = time.is_array() && time.size() == 2 && time[0].is_number_integer() &&
                     time[1].is_number_unsigned() && time[1] < 1'000'000'000U;
  if (!dated) return {};
  const timespec at{time[0].get<time_t>(), time[1].get<long>()};
  const timespec times[2] = {at, at};
  return ::futimens(file.get(), times) == 0 ? Result<void>() : os_error("set a file's time");
}

Result<void> TreeReader::take_directory(const json& entry, int parent, const std::string& path) {
  const std::optional<std::uint64_t> mode = number_in(entry, "mode");
  if (!mode || (*mode & ~std::uint64_t{0777}) != 0) {
    return broken("a directory has a mode that none may have");
  }
  const std::string name = last_component(path);
  const Found found = BERM_TRY(stat_beneath(parent, name));
  if (found.found && !S_ISDIR(found.status.st_mode)) BERM_TRY(remove_beneath(parent, name));
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return os_error("make a directory of a tree");
  }
  modes_.emplace_back(path, static_cast<mode_t>(*mode));
  return {};
}

Result<void> TreeReader::take(const json& entry) {
  const std::string path = BERM_TRY(path_in(entry));
  const std::string type = entry.contains("type") && entry["type"].is_string()
                               ? entry["type"].get<std::string>()
                               : std::string();
  const UniqueFd parent = BERM_TRY(make_parents_beneath(directory_, path, 0755));
  const std::string name = last_component(path);
  if (type == "file") return take_file(entry, parent.get(), name);
  if (type == "dir") return take_directory(entry, parent.get(), path);
  BERM_TRY(remove_beneath(parent.get(), name));
  if (type == "gone") return {};
  if (type == "special") {
    return ::mkfifoat(parent.get(), name.c_str(), 0600) == 0 ? Result<void>()
                                                             : os_error("make a pipe of a tree");
  }
  const std::optional<std::string> target = bytes_in(entry, "target");
  if (type != "link" || !target) return broken("an entry is of no type");
  return ::symlinkat(target->c_str(), parent.get(), name.c_str()) == 0
             ? Result<void>()
             : os_error("make a link of a tree");
}

Result<void> TreeReader::read() {
  for (;;) {
    const json entry = BERM_TRY(header());
    if (entry.contains("end")) {
      if (number_in(entry, "end") != entries_) return broken("entries are missing");
      break;
    }
    if (++entries_ > limits_.entries) return broken("it has too many entries");
    BERM_TRY(take(entry));
  }
  char more = 0;
  if (BERM_TRY(some(&more, 1)) != 0) return broken("something follows its end");
  for (auto it = modes_.rbegin(); it != modes_.rend(); ++it) {
    const Result<UniqueFd> directory = open_beneath(directory_, it->first, O_RDONLY | O_DIRECTORY);
    // One that was replaced by a file since has no mode of its own any more.
    if (directory && ::fchmod(directory->get(), it->second) != 0) {
      return os_error("set a directory's mode");
    }
  }
  return {};
}

}  // namespace

Result<void> read_tree(int from, int directory, const TreeLimits& limits) {
  return TreeReader(from, directory, limits).read();
}

}  // namespace berm
