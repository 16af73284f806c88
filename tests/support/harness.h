// tests/support/harness.h: runs the built berm the way a user does, as root and as an ordinary
// user.
#pragma once

#include <sys/types.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace berm::test {

/// Who runs berm. The ordinary user has no entry in passwd and no privilege at all.
enum class As { root, user };
inline constexpr uid_t kUserId = 4242;

/// Fails the test where skipping would hide a missing proof (BERM_MUST_WORK=1), else skips.
#define BERM_SKIP_OR_FAIL(why)                                                    \
  do {                                                                            \
    if (std::getenv("BERM_MUST_WORK") != nullptr) FAIL() << "must work: " << why; \
    GTEST_SKIP() << why;                                                          \
  } while (false)

struct Finished {
  int code = 0;  ///< exit code, or 128 + signal
  std::string out;
  std::string err;
  [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out, nullptr, false); }
};

struct Invocation {
  std::vector<std::string> arguments;
  std::map<std::string, std::string> env = {};
  std::string directory = {};  ///< default: the repository
  std::string input = {};
};

/// A repository, a state directory and copies of the programs, all owned by `as`, gone afterwards.
class Site {
 public:
  explicit Site(As as);
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;
  ~Site();  ///< keeps the records of its runs in the build directory, for record-schema

  /// berm with these arguments, in the repository.
  [[nodiscard]] Finished berm(const std::vector<std::string>& arguments) const;
  [[nodiscard]] Finished berm(const Invocation& invocation) const;
  /// berm on another kind of host: root's `preparation` (a script) runs in a mount namespace of its
  /// own, then berm as the site's user. Needs a test process that is root.
  [[nodiscard]] Finished berm_on(const std::string& preparation,
                                 const std::vector<std::string>& arguments,
                                 const std::string& directory = {}) const;
  /// Any program as the site's user (not sandboxed): set-up and controls.
  [[nodiscard]] Finished command(const std::vector<std::string>& argv) const;
  /// `sh -c script` as the site's user, in the repository; fails the test on a non-zero code.
  std::string shell(const std::string& script) const;
  /// `berm run --json -- sh -c script`, parsed; without packs unless the options or the repository
  /// have a policy.
  [[nodiscard]] nlohmann::json run_script(const std::string& script,
                                          const std::vector<std::string>& options = {}) const;

  void write(const std::string& relative, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& relative) const;
  [[nodiscard]] bool has(const std::string& relative) const;

  [[nodiscard]] const std::string& repository() const { return repository_; }
  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string program() const { return root_ + "/bin/berm"; }
  [[nodiscard]] As as() const { return as_; }
  [[nodiscard]] std::map<std::string, std::string> environment() const;

 private:
  void keep_records() const;

  As as_;
  std::string root_;
  std::string repository_;
};

/// The same command in another tier: `berm run` gets the one that BERM_TEST_TIER names.
[[nodiscard]] std::vector<std::string> in_tier(std::vector<std::string> argv);

/// Starts argv as `as` with exactly `env` and waits.
[[nodiscard]] Finished run_as(As as, const std::vector<std::string>& argv,
                              const std::map<std::string, std::string>& env,
                              const std::string& directory, const std::string& input);

/// The identities that this test process can take: root runs as both, a user only as himself.
[[nodiscard]] std::vector<As> identities();
[[nodiscard]] std::string name_of(As as);

}  // namespace berm::test
