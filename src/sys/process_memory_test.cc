#include "sys/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace berm {
namespace {

std::uint64_t at(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

int read_own(const char* path, const std::vector<const char*>& argv, ProgramCall& out) {
  return read_program_call(::getpid(), at(path), at(argv.data()), {}, out);
}

TEST(ProgramCall, IsReadAsItLies) {
  ProgramCall call;
  ASSERT_EQ(read_own("/usr/bin/x", {"x", "", "three words here", nullptr}, call), 0);
  EXPECT_EQ(call.path, "/usr/bin/x");
  EXPECT_EQ(call.argv, (std::vector<std::string>{"x", "", "three words here"}));
  EXPECT_TRUE(call.whole);
  ProgramCall none;
  ASSERT_EQ(read_program_call(::getpid(), at("/x"), 0, {}, none), 0);
  EXPECT_TRUE(none.argv.empty() && none.whole);
}

TEST(ProgramCall, SaysThatThereWasMore) {
  const std::vector<const char*> exactly(256, "a");
  std::vector<const char*> with_end = exactly;
  with_end.push_back(nullptr);
  ProgramCall call;
  ASSERT_EQ(read_own("/x", with_end, call), 0);
  EXPECT_EQ(call.argv.size(), 256U);
  EXPECT_TRUE(call.whole);
  std::vector<const char*> more(257, "a");
  more.push_back(nullptr);
  ProgramCall cut;
  ASSERT_EQ(read_own("/x", more, cut), 0);
  EXPECT_EQ(cut.argv.size(), 256U);
  EXPECT_FALSE(cut.whole);
  const std::string large(40000, 'l');
  ProgramCall longer;
  ASSERT_EQ(read_own("/x", {"first", large.c_str(), "unread", nullptr}, longer), 0);
  ASSERT_EQ(longer.argv.size(), 2U);
  EXPECT_EQ(longer.argv[1], large.substr(0, (32 << 10) - 6));
  EXPECT_TRUE(longer.last_cut);
  EXPECT_FALSE(longer.whole);
}

TEST(ProgramCall, EndsWhereMemoryEnds) {
  char* two = static_cast<char*>(
      ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(two, MAP_FAILED);
  ::munmap(two + 4096, 4096);
  char* path = two + 4096 - 5;
  std::memcpy(path, "/abc", 5);
  ProgramCall call;
  EXPECT_EQ(read_own(path, {path, nullptr}, call), 0);
  EXPECT_EQ(call.argv.at(0), "/abc");
  std::memcpy(path, "/abcd", 5);  // no end before the hole
  ProgramCall bad;
  EXPECT_EQ(read_own(path, {nullptr}, bad), EFAULT);
  ProgramCall bad_argument;
  EXPECT_EQ(read_own("/x", {"good", path, nullptr}, bad_argument), EFAULT);
  // A vector that runs into the hole without its null.
  const char* one = "one";
  std::memcpy(two + 4096 - sizeof one, &one, sizeof one);
  ProgramCall open_end;
  EXPECT_EQ(read_program_call(::getpid(), at("/x"), at(two + 4096 - sizeof one), {}, open_end),
            EFAULT);
  ::munmap(two, 4096);
}

TEST(ProgramCall, AVectorMayCrossAPageAtAnOddAddress) {
  char* two = static_cast<char*>(
      ::mmap(nullptr, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(two, MAP_FAILED);
  const char* words[] = {"one", "two", nullptr};
  std::memcpy(two + 4096 - 11, words, sizeof words);
  ProgramCall call;
  ASSERT_EQ(read_program_call(::getpid(), at("/x"), at(two + 4096 - 11), {}, call), 0);
  EXPECT_EQ(call.argv, (std::vector<std::string>{"one", "two"}));
  ::munmap(two, 8192);
}

TEST(ProgramCall, PathsHaveAnEnd) {
  ProgramCall call;
  EXPECT_EQ(read_own(std::string(5000, 'p').c_str(), {nullptr}, call), ENAMETOOLONG);
  ProgramCall fits;
  EXPECT_EQ(read_own(std::string(4095, 'p').c_str(), {nullptr}, fits), 0);
  EXPECT_EQ(fits.path.size(), 4095U);
}

}  // namespace
}  // namespace berm
