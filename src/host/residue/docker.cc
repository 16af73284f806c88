#include "host/residue/docker.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "base/text.h"
#include "sys/child.h"

namespace berm::residue {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxImages = 200;

std::string find_program(std::string_view path, std::string_view name) {
  for (const std::string_view directory : split(path, ':')) {
    if (!directory.starts_with('/')) continue;
    std::string program = fmt::format("{}/{}", directory, name);
    struct stat status {};
    if (::stat(program.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
        ::access(program.c_str(), X_OK) == 0) {
      return program;
    }
  }
  return "";
}

/// docker, until the time for all calls is over.
class Docker {
 public:
  Docker(std::string program, std::chrono::milliseconds patience)
      : program_(std::move(program)), end_(Clock::now() + patience) {}

  [[nodiscard]] Result<std::string> run(const std::vector<std::string>& arguments) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
    if (left.count() <= 0) return failure(Errc::unsupported, "wait for docker any longer");
    Command command{.argv = {program_},
                    // No configuration of the user's: plug-ins and contexts in his home would be
                    // started and asked, and an agent could write there.
                    .env = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/nonexistent",
                            "DOCKER_CONFIG=/nonexistent", "LC_ALL=C"},
                    .directory = "/",
                    .input = "",
                    .output_limit = 4 << 20,
                    .deadline = left};
    if (const char* host = ::getenv("DOCKER_HOST")) {
      command.env.push_back(fmt::format("DOCKER_HOST={}", host));
    }
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    CommandResult result = BERM_TRY(run_command(command));
    if (result.code == 0) return std::move(result.output);
    return failure(Errc::unsupported, fmt::format("ask docker (exit {})", result.code));
  }

 private:
  std::string program_;
  Clock::time_point end_;
};

bool is_image(std::string_view id) {
  return id.starts_with("sha256:") && id.size() == 71 && is_hex(id.substr(7));
}

// The kinds of credential in `text`, "a, b"; "" if none.
std::string kinds_in(const ResidueSearch& search, std::string_view text) {
  std::set<std::string> kinds;
  for (const std::string_view line : split(text, '\n')) {
    const std::string_view kind = search.credential_in(line);
    if (!kind.empty()) kinds.insert(printable(kind));
  }
  return fmt::format("{}", fmt::join(kinds, ", "));
}

Result<void> look_at_images(const Docker& docker, const ResidueSearch& search,
                            ResidueReport& report) {
  const std::string listed =
      BERM_TRY(docker.run({"image", "ls", "--no-trunc", "--format", "{{.ID}}"}));
  std::set<std::string, std::less<>> images;
  for (const std::string_view line : split(listed, '\n')) {
    if (is_image(trim(line))) images.emplace(trim(line));
  }
  if (images.size() > kMaxImages) return failure(Errc::unsupported, "look at so many images");
  for (const std::string& image : images) {
    const std::string history =
        BERM_TRY(docker.run({"history", "--no-trunc", "--format", "{{.CreatedBy}}", image}));
    const std::string kinds = kinds_in(search, history);
    if (kinds.empty()) continue;
    report.found.push_back({.path = fmt::format("docker image {}", image.substr(0, 19)),
                            .kind = "docker-history",
                            .what = fmt::format("a build step that shows a credential ({})", kinds),
                            .how = "remove the image, build it with RUN --mount=type=secret, and "
                                   "replace the credential: whoever pulled the image has it"});
  }
  return {};
}

}  // namespace

void find_in_docker(const ResidueSearch& search, ResidueReport& report) {
  const std::string program = find_program(search.program_path, "docker");
  if (program.empty()) {
    report.not_looked_at.emplace_back("docker images: docker is not installed");
    return;
  }
  const auto done = look_at_images(Docker(program, search.docker_patience), search, report);
  if (!done) {
    report.not_looked_at.push_back(
        fmt::format("docker images, or not all: {}", printable(sentence(done.error()))));
  }
}

}  // namespace berm::residue
