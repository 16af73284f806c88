#include "session/abandoned.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "cluster/client.h"
#include "pod/line.h"
#include "remote/objects.h"
#include "session/attach_file.h"
#include "session/run_directory.h"

namespace berm {

using nlohmann::json;

std::vector<AbandonedRun> remove_abandoned(const std::string& state) {
  std::vector<AbandonedRun> out;
  std::optional<Result<ClusterClient>> cluster;
  for (const std::string& id : list_runs(state)) {
    const std::string path = state + "/runs/" + id;
    Result<json> run = load_run(path);
    const bool left = run && run->contains("cluster") && (*run)["cluster"].is_object() &&
                      (*run)["cluster"].value("left", json()) == true;
    if (!left || is_running(path)) continue;
    const json where = (*run)["cluster"];
    AbandonedRun one{.id = id, .name_space = pod::text_in(where, "namespace"), .why = {}};
    if (!cluster) {
      cluster = ClusterClient::open("");
      if (*cluster) (*cluster)->set_patience(std::chrono::seconds(5));
    }
    const Result<void> removed =
        *cluster ? remove_run(**cluster, one.name_space, pod::text_in(where, "object"))
                 : tl::unexpected(cluster->error());
    if (removed) {
      (*run)["cluster"]["left"] = false;
      remove_attach_file(path);  // nobody can go on with it
      (void)save_run(path, *run);
    } else {
      one.why = sentence(removed.error());
    }
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace berm
