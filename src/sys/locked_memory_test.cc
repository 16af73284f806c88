#include "sys/locked_memory.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/secret.h"
#include "sys/fd.h"
#include "sys/frames.h"

namespace berm {
namespace {

class LockedMemory : public testing::Test {
 protected:
  void SetUp() override { lock_secrets(); }
  void TearDown() override { secret_memory = &kHeapForSecrets; }
};

// The VmFlags of the mapping that holds `at` (proc(5), smaps).
std::string flags_of(const char* at) {
  std::ifstream maps("/proc/self/smaps");
  const auto address = reinterpret_cast<unsigned long>(at);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    unsigned long first = 0;
    unsigned long last = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &first, &last) == 2) {
      inside = first <= address && address < last;
    }
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST_F(LockedMemory, ASecretIsLockedNotDumpedAndWipedOnFork) {
  const Secret secret(std::string("hunter2"));
  const std::string flags = flags_of(secret.reveal().data());
  EXPECT_NE(flags.find(" lo"), std::string::npos) << flags;
  EXPECT_NE(flags.find(" dd"), std::string::npos) << flags;
  EXPECT_NE(flags.find(" wf"), std::string::npos) << flags;
  EXPECT_EQ(locked_memory_note(), "");
}

TEST_F(LockedMemory, AForkedChildFindsZeros) {
  const Secret secret(std::string("hunter2"));
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(secret.reveal() == std::string(7, '\0') ? 0 : 1);
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(secret.reveal(), "hunter2");
}

TEST_F(LockedMemory, AByteBehindASecretEndsTheProgram) {
  EXPECT_DEATH(
      {
        const Secret secret(std::string("hunter2"));
        volatile const char* behind = secret.reveal().data();
        const char byte = behind[7];
        ::_exit(byte == 0 ? 0 : 1);
      },
      "");
}

TEST_F(LockedMemory, WithoutALimitToLockItIsToldAndGoesOn) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_MEMLOCK, &none);
    // Root may lock whatever the limit says.
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) ::_exit(3);
    const Secret secret(std::string("hunter2"));
    const std::string note = locked_memory_note();
    const bool is_told = note.find("RLIMIT_MEMLOCK is 0") != std::string::npos;
    ::_exit(secret.reveal() == "hunter2" && is_told ? 0 : 1);
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

std::string wiped_by_moves;

TEST(Secret, IsWipedWhenItIsDroppedAssignedOrTakenOver) {
  // Memory that tells what was in it when it is given back.
  static const SecretMemory kWatched = {[](std::size_t size) { return new char[size]; },
                                        [](char* bytes, std::size_t size) noexcept {
                                          wiped_by_moves.append(bytes, size);
                                          delete[] bytes;
                                        }};
  secret_memory = &kWatched;
  std::string text = "hunter2";
  const char* const where = text.data();
  {
    Secret first(std::move(text));
    EXPECT_EQ(std::string(where, 7), std::string(7, '\0'));
    first = Secret(std::string("other"));
    EXPECT_EQ(wiped_by_moves, std::string(7, '\0')) << "the assigned one is gone at once";
    const Secret taken(std::move(first));
    EXPECT_EQ(taken.reveal(), "other");
  }
  EXPECT_EQ(wiped_by_moves, std::string(12, '\0'));
  secret_memory = &kHeapForSecrets;
  static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
}

TEST(Frames, CarryTextAndSecretsAndSayWhenThePeerIsGone) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  const std::chrono::seconds patience(10);
  ASSERT_TRUE(write_frame(theirs.get(), ""));
  ASSERT_TRUE(write_frame(theirs.get(), "value"));
  EXPECT_EQ(read_frame(ours.get(), patience), "");
  EXPECT_EQ(read_secret_frame(ours.get(), patience)->reveal(), "value");
  EXPECT_EQ(read_frame(ours.get(), std::chrono::milliseconds(1)).error().os_errno, ETIMEDOUT);
  ASSERT_TRUE(write_all(theirs.get(), std::string_view("\xff\xff\xff\xff", 4)));
  EXPECT_EQ(read_frame(ours.get(), patience).error().code, Errc::internal);
  theirs.reset();
  EXPECT_EQ(read_frame(ours.get(), patience).error().os_errno, ECONNRESET);
  EXPECT_EQ(write_frame(ours.get(), "x").error().os_errno, EPIPE) << "and no signal";
}

}  // namespace
}  // namespace berm
