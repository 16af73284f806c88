// src/host/residue_test_support.h: a scratch home, temporary directory, workspace and PATH.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/residue.h"
#include "sys/fd.h"

namespace berm {

inline const std::string kSecret = "ghp_" + std::string(36, 'x');

class ResidueTest : public testing::Test {
 protected:
  void SetUp() override {
    // Short: a socket's path has 107 bytes.
    std::string name = "/tmp/residue-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    base_ = name;
    for (const char* place : {"/home", "/tmp", "/work", "/bin"})
      ASSERT_TRUE(make_directories(base_ + place));
    search_ = {.home = base_ + "/home",
               .tmp = base_ + "/tmp",
               .workspace = base_ + "/work",
               .credential_in = [](std::string_view line) -> std::string_view {
                 return line.find(kSecret) != std::string_view::npos ? "GitHub token" : "";
               },
               .program_path = base_ + "/bin"};
  }
  void TearDown() override { (void)remove_tree(base_); }

  void put(const std::string& relative, std::string_view content = "x", unsigned mode = 0600) {
    const std::string path = base_ + "/" + relative;
    ASSERT_TRUE(make_directories(path.substr(0, path.rfind('/'))));
    ASSERT_TRUE(write_file(path, content, mode));
  }
  std::string content(const std::string& relative) {
    return read_file(base_ + "/" + relative).value_or("");
  }
  bool there(const std::string& relative) { return exists(base_ + "/" + relative); }

  ResidueReport find() { return find_residue(search_); }
  // The only residue of `kind`; an empty one and a failure if there is none, or are several.
  Residue only(const std::string& kind) {
    std::vector<Residue> found;
    for (const Residue& residue : find().found) {
      if (residue.kind == kind) found.push_back(residue);
    }
    EXPECT_EQ(found.size(), 1U) << kind;
    return found.size() == 1 ? found[0] : Residue{};
  }
  std::vector<std::string> kinds() {
    std::vector<std::string> kinds;
    for (const Residue& residue : find().found) kinds.push_back(residue.kind);
    return kinds;
  }

  UniqueFd listen(const std::string& relative) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    (base_ + "/" + relative).copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd.get(), 1), 0);
    return fd;
  }

  void days_later(int days) { search_.now += std::chrono::hours(24 * days + 1); }

  std::string base_;
  ResidueSearch search_;
};

}  // namespace berm
