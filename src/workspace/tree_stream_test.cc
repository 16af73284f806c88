#include "workspace/tree_stream.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace berm {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Trees : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/berm-tree-XXXXXX";
    root_ = ::mkdtemp(name);
    for (const char* part : {"/from", "/to", "/to/tree", "/outside"})
      fs::create_directory(root_ + part);
  }
  void TearDown() override { (void)remove_tree(root_); }
  UniqueFd directory(const std::string& name) const {
    return *open_file(root_ + "/" + name, O_RDONLY | O_DIRECTORY);
  }
  static UniqueFd memory() { return UniqueFd(::memfd_create("tree", MFD_CLOEXEC)); }
  Result<void> read(int stream, TreeLimits limits = {.roots = {"tree"}}) const {
    ::lseek(stream, 0, SEEK_SET);
    const UniqueFd to = directory("to");
    return read_tree(stream, to.get(), limits);
  }
  static std::string entry(json header, const std::string& content = "") {
    const std::string text = header.dump();
    std::string out;
    for (int shift = 0; shift < 32; shift += 8)
      out += static_cast<char>(text.size() >> shift & 0xff);
    return out + text + content;
  }
  static std::string hex(const std::string& text) {
    return to_hex({reinterpret_cast<const unsigned char*>(text.data()), text.size()});
  }
  Result<void> read_text(const std::string& text, TreeLimits limits = {.roots = {"tree"}}) const {
    const UniqueFd stream = memory();
    EXPECT_TRUE(write_all(stream.get(), text));
    return read(stream.get(), std::move(limits));
  }

  std::string root_;
};

TEST_F(Trees, WhatIsWrittenIsRead) {
  const std::string odd = "line\nfeed\xff";
  EXPECT_TRUE(write_file(root_ + "/from/" + odd, "odd", 0640));
  EXPECT_TRUE(write_file(root_ + "/from/closed", "secret", 0000));
  fs::create_directory(root_ + "/from/below");
  EXPECT_TRUE(write_file(root_ + "/from/below/run", "#!/bin/sh\n", 0755));
  fs::create_symlink("../../anywhere", root_ + "/from/link");
  ::chmod((root_ + "/from/below").c_str(), 0555);
  const UniqueFd stream = memory();
  TreeWriter writer(stream.get());
  const UniqueFd from = directory("from");
  ASSERT_TRUE(writer.add_tree(from.get(), "tree"));
  ASSERT_TRUE(writer.end());
  const Result<void> done = read(stream.get());
  ASSERT_TRUE(done) << render(done.error());
  EXPECT_EQ(*read_file(root_ + "/to/tree/" + odd), "odd");
  EXPECT_EQ(fs::read_symlink(root_ + "/to/tree/link"), "../../anywhere");
  struct stat status {};
  ASSERT_EQ(::stat((root_ + "/to/tree/below").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0555U);
  ASSERT_EQ(::stat((root_ + "/to/tree/below/run").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0755U);
  ASSERT_EQ(::stat((root_ + "/to/tree/closed").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, 6);
  ::chmod((root_ + "/to/tree/below").c_str(), 0755);
  ::chmod((root_ + "/from/below").c_str(), 0755);
}

TEST_F(Trees, WhatChangesIsLaidOverWhatIsThere) {
  fs::create_directory(root_ + "/to/tree/directory");
  EXPECT_TRUE(write_file(root_ + "/to/tree/directory/file", "x"));
  EXPECT_TRUE(write_file(root_ + "/to/tree/gone", "x"));
  EXPECT_TRUE(write_file(root_ + "/from/directory", "a file now"));
  const UniqueFd stream = memory();
  TreeWriter writer(stream.get());
  const UniqueFd from = directory("from");
  for (const char* name : {"directory", "gone"}) {
    ASSERT_TRUE(writer.add(from.get(), name, std::string("tree/") + name));
  }
  ASSERT_TRUE(writer.end());
  ASSERT_TRUE(read(stream.get()));
  EXPECT_EQ(*read_file(root_ + "/to/tree/directory"), "a file now");
  EXPECT_FALSE(exists(root_ + "/to/tree/gone"));
}

// Each would write outside of the directory, or make what no tree holds.
TEST_F(Trees, AHostileTreeIsRefused) {
  fs::create_symlink(root_ + "/outside", root_ + "/to/tree/way");
  const json file = {{"type", "file"}, {"mode", 0644}, {"size", 1}};
  const auto at = [&](const std::string& path) {
    json out = file;
    out["path"] = hex(path);
    return entry(out, "x");
  };
  const std::string end = entry({{"end", 1}});
  for (const char* path : {"tree/../outside/x", "/outside/x", "outside/x", "tree//x", "tree/./x",
                           "..", "tree/way/x", ""}) {
    EXPECT_FALSE(read_text(at(path) + end)) << path;
  }
  EXPECT_TRUE(fs::is_empty(root_ + "/outside"));
  // A link, then a file through it.
  const std::string link =
      entry({{"type", "link"}, {"path", hex("tree/l")}, {"target", hex(root_ + "/outside")}});
  EXPECT_FALSE(read_text(link + at("tree/l/x") + entry({{"end", 2}})));
  EXPECT_TRUE(fs::is_empty(root_ + "/outside"));
  // Over a link: the link is replaced.
  EXPECT_TRUE(read_text(link + at("tree/l") + entry({{"end", 2}})));
  EXPECT_TRUE(fs::is_empty(root_ + "/outside"));
  for (json header : {json{{"type", "file"}, {"path", hex("tree/s")}, {"mode", 04755}, {"size", 0}},
                      json{{"type", "file"}, {"path", hex("tree/s")}, {"mode", 0644}},
                      json{{"type", "file"}, {"path", hex("tree/s")}, {"mode", 0644}, {"size", -1}},
                      json{{"type", "dir"}, {"path", hex("tree/s")}, {"mode", 01777}},
                      json{{"type", "link"}, {"path", hex("tree/s")}},
                      json{{"type", "link"}, {"path", hex("tree/s")}, {"target", ""}},
                      json{{"type", "device"}, {"path", hex("tree/s")}},
                      json{{"type", "file"}, {"path", "tree/s"}, {"mode", 0644}, {"size", 0}},
                      json{{"path", 7}}, json::array()}) {
    EXPECT_FALSE(read_text(entry(header) + end)) << header;
  }
}

TEST_F(Trees, WhatIsCutShortOrTooLargeIsRefused) {
  const json file = {{"type", "file"}, {"path", hex("tree/x")}, {"mode", 0644}, {"size", 4}};
  const std::string whole = entry(file, "four") + entry({{"end", 1}});
  EXPECT_TRUE(read_text(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(read_text(whole.substr(0, size))) << size;
  }
  EXPECT_FALSE(read_text(whole + "x"));
  EXPECT_FALSE(read_text(entry(file, "four") + entry({{"end", 2}})));
  EXPECT_FALSE(read_text(whole, {.bytes = 3, .roots = {"tree"}}));
  EXPECT_FALSE(read_text(whole, {.entries = 0, .roots = {"tree"}}));
  EXPECT_FALSE(read_text(std::string("\xff\xff\xff\xff", 4)));
}

TEST_F(Trees, APipeStandsForWhatNoTreeHolds) {
  ASSERT_EQ(::mkfifo((root_ + "/from/socket").c_str(), 0600), 0);
  const UniqueFd stream = memory();
  TreeWriter writer(stream.get());
  const UniqueFd from = directory("from");
  ASSERT_TRUE(writer.add(from.get(), "socket", "tree/socket"));
  ASSERT_TRUE(writer.end());
  ASSERT_TRUE(read(stream.get()));
  EXPECT_TRUE(fs::is_fifo(root_ + "/to/tree/socket"));
}

}  // namespace
}  // namespace berm
