#include "tiers/container/engine_errors.h"

#include <fmt/format.h>

#include "base/text.h"

namespace berm {
namespace {

struct Cause {
  std::string_view words;  ///< in the client's stderr
  std::string_view what;
  std::string_view fix;
};
constexpr Cause kCauses[] = {
    {"No such image", "find the image",
     "run 'berm image build', or have the engine pull an image of yours"},
    {"image not known", "find the image",
     "run 'berm image build', or have the engine pull an image of yours"},
    {"Unable to find image", "find the image",
     "run 'berm image build', or have the engine pull an image of yours"},
    {"Cannot connect to the Docker daemon", "reach the engine",
     "start it, or use --tier namespace"},
    {"permission denied while trying to connect", "reach the engine",
     "join its group, which makes you root, or use a rootless engine"},
    {"unknown or invalid runtime", "find the container's runtime",
     "make it known to the engine, or leave container.runtime out"},
    {"Unknown runtime", "find the container's runtime",
     "make it known to the engine, or leave container.runtime out"},
    {"default OCI runtime", "find the container's runtime",
     "install it, or leave container.runtime out"},
    {"does not support cgroups", "hold the limits", "use the other runtime: runc or crun"},
    {"newuidmap", "map the user ids of a rootless container",
     "give yourself ranges in /etc/subuid and /etc/subgid, and install uidmap"},
};

}  // namespace

Error explain_engine_error(const ContainerPlan& container, std::string_view errors) {
  // The last line names the cause; what lies above is usage and warnings.
  std::string said;
  for (const std::string_view line : split(trim(errors), '\n')) {
    if (line.find("rror") != std::string_view::npos || said.empty()) said = printable(line);
  }
  for (const Cause& cause : kCauses) {
    if (errors.find(cause.words) == std::string_view::npos) continue;
    return {.code = Errc::unsupported,
            .what = fmt::format("{} ({}, {}): {}", cause.what, spelling(container.engine.kind),
                                container.image, said),
            .fix = std::string(cause.fix)};
  }
  return {.code = Errc::unsupported,
          .what = fmt::format("start a container with {}: {}", spelling(container.engine.kind),
                              said.empty() ? "it says nothing" : said),
          .fix = "try --tier namespace; 'berm doctor' tells what each tier needs"};
}

}  // namespace berm
