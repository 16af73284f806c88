// fuzz/tree_stream_fuzz.cc: whatever a tree says, nothing outside of its directory changes, no link
// is followed and no mode but permissions is set.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "workspace/tree_stream.h"

namespace fs = std::filesystem;

namespace {

struct Place {
  std::string root;
  Place() {
    char name[] = "/dev/shm/berm-tree-XXXXXX";
    root = ::mkdtemp(name);
    fs::create_directory(root + "/outside");
  }
  ~Place() { fs::remove_all(root); }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  const std::string to = place.root + "/to";
  fs::create_directories(to + "/tree/below");
  fs::create_symlink(place.root + "/outside", to + "/tree/way");
  const berm::UniqueFd stream(::memfd_create("tree", MFD_CLOEXEC));
  if (::write(stream.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  ::lseek(stream.get(), 0, SEEK_SET);
  const berm::UniqueFd at(::open(to.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  (void)berm::read_tree(stream.get(), at.get(), {.entries = 50, .bytes = 4096, .roots = {"tree"}});
  if (!fs::is_empty(place.root + "/outside")) std::abort();
  for (const auto& entry : fs::directory_iterator(place.root)) {
    if (entry.path().filename() != "outside" && entry.path().filename() != "to") std::abort();
  }
  for (const auto& entry : fs::directory_iterator(to)) {
    if (entry.path().filename() != "tree") std::abort();
  }
  struct stat status {};
  if (::lstat((to + "/tree/x").c_str(), &status) == 0 && (status.st_mode & 07000) != 0)
    std::abort();
  (void)berm::remove_tree(to);
  return 0;
}
